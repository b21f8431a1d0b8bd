namespace Makatea.Sel4.LinuxAbi;

/// <summary>Names of files. All directories are the working directory's own names from the root; there are no links.</summary>
internal static unsafe class Paths
{
    internal const int Longest = 256;

    private static byte* s_path;

    internal static bool Start()
    {
        s_path = (byte*)PageStore.Reserve(Longest);
        return s_path != null;
    }

    /// <summary>Finds what a path of the program leads to.</summary>
    /// <param name="address">The path.</param>
    /// <param name="error">Why not, where it is <see cref="Node.None"/>.</param>
    internal static Node Find(ulong address, out long error)
    {
        long length = UserMemory.ReadText(address, s_path, Longest);
        error = length < 0 ? length : Errno.NoEntry;
        return length <= 0 ? Node.None : Find(s_path, Simplify(s_path, (int)length));
    }

    private static Node Find(byte* path, int length)
    {
        Node node = FindFile(path, length);
        return node != Node.None ? node
            : Is(path, length, "/") ? Node.Root
            : Is(path, length, "/proc") ? Node.Proc
            : Is(path, length, "/proc/self") ? Node.ProcSelf
            : Is(path, length, "/sys") || Is(path, length, "/sys/fs/cgroup") ? Node.Sys
            : Is(path, length, "/dev") ? Node.Dev
            : Is(path, length, "/archive") ? Node.Archive
            : StartsWith(path, length, "/archive/") ? FindArchived(path + 9, length - 9)
            : Node.None;
    }

    private static Node FindFile(byte* path, int length) =>
        Is(path, length, "/dev/null") ? Node.DevNull
        : Is(path, length, "/dev/zero") ? Node.DevZero
        : Is(path, length, "/dev/urandom") || Is(path, length, "/dev/random") ? Node.DevRandom
        : Is(path, length, "/dev/console") || Is(path, length, "/dev/stdout") || Is(path, length, "/dev/stderr") ? Node.DevConsole
        : Is(path, length, "/proc/self/exe") ? Node.Program
        : Is(path, length, "/proc/self/maps") ? Node.Maps
        : Is(path, length, "/proc/self/mountinfo") ? Node.MountInfo
        : Is(path, length, "/proc/self/cgroup") ? Node.Groups
        : Is(path, length, "/proc/self/statm") ? Node.Statm
        : Is(path, length, "/proc/self/cmdline") ? Node.CommandLine
        : Is(path, length, "/proc/meminfo") ? Node.MemoryStatus
        : Is(path, length, "/sys/devices/system/cpu/online") ? Node.ProcessorsOnline
        : Is(path, length, "/sys/fs/cgroup/memory.max") ? Node.GroupMemoryMost
        : Is(path, length, "/sys/fs/cgroup/memory.current") ? Node.GroupMemoryNow
        : Is(path, length, "/sys/fs/cgroup/memory.stat") ? Node.GroupMemoryStatus
        : Node.None;

    private static Node FindArchived(byte* name, int length)
    {
        for (uint i = 0; i < Grants.Count; i++)
        {
            GrantInfo* grant = Grants.Get(i);
            bool same = grant->Kind == GrantKind.File && grant->NameLength == (ulong)length;
            for (int at = 0; same && at < length; at++)
            {
                same = Grants.NameOf(grant)[at] == name[at];
            }

            if (same)
            {
                return Node.FirstArchived + i;
            }
        }

        return Node.None;
    }

    /// <summary>Makes one slash of several, and takes the last away; a path that does not start with one gets one.</summary>
    private static int Simplify(byte* path, int length)
    {
        int kept = 0;
        byte last = 0;
        if (path[0] != '/')
        {
            for (int i = length < Longest - 1 ? length : Longest - 1; i > 0; i--)
            {
                path[i] = path[i - 1];
            }

            path[0] = (byte)'/';
            length = length < Longest - 1 ? length + 1 : Longest;
        }

        for (int i = 0; i < length; i++)
        {
            if (path[i] != '/' || last != '/')
            {
                path[kept++] = path[i];
            }

            last = path[i];
        }

        return kept > 1 && path[kept - 1] == '/' ? kept - 1 : kept;
    }

    private static bool Is(byte* path, int length, string text) => length == text.Length && StartsWith(path, length, text);

    private static bool StartsWith(byte* path, int length, string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (i >= length || path[i] != text[i])
            {
                return false;
            }
        }

        return true;
    }
}
