using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>The ancillary data that carries descriptors: <c>cmsg(3)</c> for SCM_RIGHTS alone.</summary>
internal static unsafe class ControlData
{
    private const int HeaderSize = 16;

    /// <summary>Bytes that <paramref name="descriptors"/> descriptors take.</summary>
    internal static int SizeFor(int descriptors) => (HeaderSize + (descriptors * sizeof(int)) + 7) & ~7;

    /// <summary>Writes one SCM_RIGHTS message.</summary>
    /// <param name="control"><see cref="SizeFor"/> bytes, aligned to 8.</param>
    /// <param name="descriptors">At least one.</param>
    internal static void Write(byte* control, ReadOnlySpan<int> descriptors)
    {
        Libc.ControlHeader* header = (Libc.ControlHeader*)control;
        header->Length = (nuint)(HeaderSize + (descriptors.Length * sizeof(int)));
        header->Level = Libc.SOL_SOCKET;
        header->Type = Libc.SCM_RIGHTS;
        descriptors.CopyTo(new Span<int>(control + HeaderSize, descriptors.Length));
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
