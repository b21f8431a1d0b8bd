using System.Globalization;
using System.Text.Json;

namespace Makatea.Sel4.Image.Boards;

/// <summary>How a kernel was configured: the options of <c>gen_config.json</c>, without the prefix <c>CONFIG_</c> that headers give them.</summary>
public sealed class KernelConfiguration
{
    private const string MacroPrefix = "CONFIG_";
    private readonly Dictionary<string, string> _options;

    private KernelConfiguration(Dictionary<string, string> options) => _options = options;

    /// <summary>Value of an option as the file writes it (<c>true</c>, <c>17</c>, <c>pc99</c>); <see langword="null"/> where the file does not have it.</summary>
    public string? this[string option] => _options.GetValueOrDefault(option);

    /// <summary>Whether an option is on. One that the file does not have is off.</summary>
    public bool IsOn(string option) => this[option] == "true";

    /// <summary>Value of a numeric option; <see langword="null"/> where it is absent or no number.</summary>
    public ulong? Number(string option) =>
        ulong.TryParse(this[option], NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : null;

    /// <summary>Reads a <c>gen_config.json</c>.</summary>
    /// <exception cref="ImageException">It is not one.</exception>
    public static KernelConfiguration Parse(ReadOnlyMemory<byte> json, string path)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new ImageException($"{path} is a JSON {document.RootElement.ValueKind}, expected an object of configuration options");
            }

            var options = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty option in document.RootElement.EnumerateObject())
            {
                options[option.Name] = option.Value.ValueKind switch
                {
                    JsonValueKind.True => "true",
                    JsonValueKind.False => "false",
                    JsonValueKind.String => option.Value.GetString()!,
                    JsonValueKind.Number => option.Value.GetRawText(),
                    JsonValueKind kind => throw new ImageException($"{path}: {option.Name} is a JSON {kind}, expected true, false, a number or a string"),
                };
            }

            return new KernelConfiguration(options);
        }
        catch (JsonException e)
        {
            throw new ImageException($"{path} is no JSON: {e.Message}", e);
        }
    }

    /// <summary>What the macro of an option stands for in the kernel's headers, where it is defined: options that are off are not.</summary>
    internal string? Macro(string name) =>
        name.StartsWith(MacroPrefix, StringComparison.Ordinal) && _options.TryGetValue(name[MacroPrefix.Length..], out string? value) && value != "false"
            ? value == "true" ? "1" : value
            : null;
}
