using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>The ancillary data that carries descriptors: <c>cmsg(3)</c> for SCM_RIGHTS alone.</summary>
internal static unsafe class ControlData
{
    /// <summary>Bytes for one message with <see cref="MessageChannel.MaxGrants"/> descriptors.</summary>
    internal const int Size = HeaderSize + (MessageChannel.MaxGrants * sizeof(int));

    private const int HeaderSize = 16;

    /// <summary>Writes one SCM_RIGHTS message.</summary>
    /// <param name="control"><see cref="Size"/> bytes, aligned to 8.</param>
    /// <param name="descriptors">1 to <see cref="MessageChannel.MaxGrants"/> descriptors.</param>
    /// <returns>Its length in bytes.</returns>
    internal static nuint Write(byte* control, ReadOnlySpan<int> descriptors)
    {
        Libc.ControlHeader* header = (Libc.ControlHeader*)control;
        int length = HeaderSize + (descriptors.Length * sizeof(int));
        header->Length = (nuint)length;
        header->Level = Libc.SOL_SOCKET;
        header->Type = Libc.SCM_RIGHTS;
        descriptors.CopyTo(new Span<int>(control + HeaderSize, MessageChannel.MaxGrants));
        return (nuint)((length + 7) & ~7);
    }

    /// <summary>Takes over every descriptor that arrived.</summary>
    internal static void Read(byte* control, nuint length, IList<Grant> grants)
    {
        nuint offset = 0;
        while (offset <= length && length - offset >= HeaderSize)
        {
            Libc.ControlHeader* header = (Libc.ControlHeader*)(control + offset);
            nuint messageLength = Math.Min(header->Length, length - offset);
            if (messageLength < HeaderSize)
            {
                return;
            }

            if (header->Level == Libc.SOL_SOCKET && header->Type == Libc.SCM_RIGHTS)
            {
                foreach (int fd in new ReadOnlySpan<int>(control + offset + HeaderSize, (int)(messageLength - HeaderSize) / sizeof(int)))
                {
                    grants.Add(new LinuxGrant(new SafeFileHandle(fd, ownsHandle: true)));
                }
            }

            offset += (messageLength + 7) & ~(nuint)7;
        }
    }
}
