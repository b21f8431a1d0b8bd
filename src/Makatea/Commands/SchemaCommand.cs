using System.CommandLine;
using System.Text.Json;
using Makatea.Cli;
using Makatea.Systems;

namespace Makatea.Commands;

/// <summary><c>makatea schema</c>: prints the JSON schema of system files.</summary>
internal static class SchemaCommand
{
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create()
    {
        var command = new Command("schema", "Print the JSON schema (draft 2020-12) of system files, for editors and checkers.");
        command.SetAction(result =>
        {
            result.InvocationConfiguration.Output.WriteLine(SystemShape.ToJsonSchema().ToJsonString(_indented));
            return ExitCode.Success;
        });
        return command;
    }
}
