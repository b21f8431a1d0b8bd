using System.Text.Json.Serialization;

namespace Makatea.Platform;

/// <summary>What may be done with granted memory.</summary>
[Flags]
[JsonConverter(typeof(JsonStringEnumConverter<MemoryAccess>))]
public enum MemoryAccess
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Loads.</summary>
    Read = 1,

    /// <summary>Stores.</summary>
    Write = 2,

    /// <summary>Loads and stores.</summary>
    ReadWrite = Read | Write,
}
