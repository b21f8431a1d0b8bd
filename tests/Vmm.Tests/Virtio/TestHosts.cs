using Makatea.Platform.Linux;

namespace Makatea.Virtio.Tests;

/// <summary>The host that tests run on; <see cref="TestDisk"/> is of those of the back end.</summary>
internal static class TestHosts
{
    public static LinuxHost Linux { get; } = new();
}
