using System.Runtime.InteropServices;

namespace Makatea.Qemu;

/// <summary>A machine that a kernel is started in: how its emulator is run.</summary>
internal interface ISel4Emulator : IDisposable
{
    /// <summary>Absolute path of the emulator.</summary>
    string Program { get; }

    /// <summary>Its arguments.</summary>
    IReadOnlyList<string> Arguments { get; }

    /// <summary>Its environment.</summary>
    IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>Which descriptors it has.</summary>
    /// <param name="console">Where the machine's first serial port goes.</param>
    /// <param name="complaints">Where the emulator's own complaints go.</param>
    IReadOnlyDictionary<int, SafeHandle> Descriptors(SafeHandle console, SafeHandle complaints);

    /// <summary>It is ended by force.</summary>
    bool IsKilled { get; }
}
