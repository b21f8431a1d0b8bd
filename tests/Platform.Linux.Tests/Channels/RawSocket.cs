using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Sends on a socket what a channel of ours would not.</summary>
internal static class RawSocket
{
    /// <summary>A message with any number of descriptors.</summary>
    internal static void Send(SafeFileHandle socket, ReadOnlySpan<byte> message, LinuxGrant[] grants)
    {
        int[] descriptors = [.. grants.Select(grant => (int)grant.Handle.DangerousGetHandle())];
        Assert.Equal(message.Length, UnixMessageChannel.SendOnce(socket, message, descriptors));
    }
}
