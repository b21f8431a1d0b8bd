using System.Text.Json;

namespace Makatea.Platform;

/// <summary>
/// Reads component manifests from JSON as <see cref="ComponentManifest.ToJson"/> writes them. By hand: a component that has nothing else to do with JSON is half a megabyte smaller without the serializer.
/// </summary>
internal ref struct ManifestReader(ReadOnlySpan<byte> json)
{
    private Utf8JsonReader _json = new(json);

    /// <summary>The manifest; there is nothing behind it.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public ComponentManifest Read()
    {
        string? name = null;
        string? kind = null;
        IReadOnlyList<ManifestGrant> grants = [];
        IReadOnlyList<ManifestDevice> devices = [];
        Next();
        Require(JsonTokenType.StartObject);
        while (NextProperty() is { } property)
        {
            switch (property)
            {
                case "name":
                    name = ReadText();
                    break;
                case "kind":
                    kind = ReadText();
                    break;
                case "grants":
                    grants = _json.TokenType == JsonTokenType.Null ? [] : ReadGrants();
                    break;
                case "devices":
                    devices = _json.TokenType == JsonTokenType.Null ? [] : ReadDevices();
                    break;
                default:
                    _json.Skip();
                    break;
            }
        }

        if (_json.Read())
        {
            throw Wrong("nothing more");
        }

        return new ComponentManifest { Name = name ?? throw Missing("name"), Kind = kind ?? throw Missing("kind"), Grants = grants, Devices = devices };
    }

    private List<ManifestGrant> ReadGrants()
    {
        var grants = new List<ManifestGrant>();
        Require(JsonTokenType.StartArray);
        while (NextItem())
        {
            string? name = null;
            GrantType? type = null;
            int? slot = null;
            MemoryAccess access = MemoryAccess.ReadWrite;
            Require(JsonTokenType.StartObject);
            while (NextProperty() is { } property)
            {
                switch (property)
                {
                    case "name":
                        name = ReadText();
                        break;
                    case "type":
                        type = ReadWord<GrantType>();
                        break;
                    case "slot":
                        slot = _json.TokenType == JsonTokenType.Number && _json.TryGetInt32(out int number) ? number : throw Wrong("a whole number");
                        break;
                    case "access":
                        access = ReadWord<MemoryAccess>();
                        break;
                    default:
                        _json.Skip();
                        break;
                }
            }

            grants.Add(new ManifestGrant(name ?? throw Missing("name"), type ?? throw Missing("type"), slot ?? throw Missing("slot"), access));
        }

        return grants;
    }

    private List<ManifestDevice> ReadDevices()
    {
        var devices = new List<ManifestDevice>();
        Require(JsonTokenType.StartArray);
        while (NextItem())
        {
            string? name = null;
            string? backend = null;
            string? channel = null;
            Dictionary<string, string>? options = null;
            Require(JsonTokenType.StartObject);
            while (NextProperty() is { } property)
            {
                switch (property)
                {
                    case "name":
                        name = ReadText();
                        break;
                    case "backend":
                        backend = ReadText();
                        break;
                    case "channel":
                        channel = ReadText();
                        break;
                    case "options":
                        options = ReadOptions();
                        break;
                    default:
                        _json.Skip();
                        break;
                }
            }

            devices.Add(new ManifestDevice(name ?? throw Missing("name"), backend ?? throw Missing("backend"), channel ?? throw Missing("channel"), options ?? throw Missing("options")));
        }

        return devices;
    }

    private Dictionary<string, string> ReadOptions()
    {
        var options = new Dictionary<string, string>();
        Require(JsonTokenType.StartObject);
        while (NextProperty() is { } name)
        {
            options[name] = ReadText();
        }

        return options;
    }

    private string ReadText()
    {
        Require(JsonTokenType.String);
        return _json.GetString()!;
    }

    private T ReadWord<T>()
        where T : struct, Enum
    {
        string word = ReadText();
        return Enum.TryParse(word, ignoreCase: true, out T value) && Enum.IsDefined(value) ? value : throw Wrong($"one of {string.Join(", ", Enum.GetNames<T>())}");
    }

    /// <summary>Goes to the value of the next property of an object.</summary>
    /// <returns>The property's name, or null at the object's end.</returns>
    private string? NextProperty()
    {
        Next();
        if (_json.TokenType == JsonTokenType.EndObject)
        {
            return null;
        }

        string name = _json.GetString()!;
        Next();
        return name;
    }

    /// <summary>Goes to the next item of a list.</summary>
    private bool NextItem()
    {
        Next();
        return _json.TokenType != JsonTokenType.EndArray;
    }

    private void Next()
    {
        if (!_json.Read())
        {
            throw new JsonException("the manifest ends too early");
        }
    }

    private readonly void Require(JsonTokenType type)
    {
        if (_json.TokenType != type)
        {
            throw Wrong($"{type}");
        }
    }

    private readonly JsonException Wrong(string expected) => new($"found {_json.TokenType} at byte {_json.TokenStartIndex} of the manifest, expected {expected}");

    private readonly JsonException Missing(string property) => new($"found no '{property}' before byte {_json.TokenStartIndex} of the manifest");
}
