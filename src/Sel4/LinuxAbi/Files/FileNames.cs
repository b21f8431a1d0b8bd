namespace Makatea.Sel4.LinuxAbi;

/// <summary>System calls on names of files, and what they say of files.</summary>
internal static unsafe class FileNames
{
    private const uint WriteAccess = 3;

    /// <summary>open(path, flags).</summary>
    internal static long Open(ulong path, uint flags)
    {
        const uint Directory = 0x1_0000;
        Node node = Paths.Find(path, out long error);
        if (node == Node.None)
        {
            // A file that is to be made would be on a disk.
            const uint Create = 0x40;
            return error == Errno.NoEntry && (flags & Create) != 0 ? Errno.ReadOnly : error;
        }

        FileKind kind = KindOf(node, out uint instance);
        if ((flags & Directory) != 0 && kind != FileKind.Directory)
        {
            return Errno.NotDirectory;
        }

        return (flags & WriteAccess) == 0 || IsWritable(kind) ? Descriptors.Open(kind, instance, flags) : kind == FileKind.Directory ? Errno.IsDirectory : Errno.ReadOnly;
    }

    /// <summary>stat and lstat.</summary>
    internal static long Status(ulong path, ulong target)
    {
        Node node = Paths.Find(path, out long error);
        if (node == Node.None)
        {
            return error;
        }

        FileKind kind = KindOf(node, out uint instance);
        return Status(kind, instance, target);
    }

    /// <summary>fstat.</summary>
    internal static long StatusOf(ulong descriptor, ulong target)
    {
        OpenFile* file = Descriptors.Get(descriptor);
        return file == null ? Errno.NotOpen : Status(file->Kind, file->Object, target);
    }

    /// <summary>newfstatat(directory, path, target, flags).</summary>
    internal static long StatusAt(LinuxThread* thread)
    {
        const ulong EmptyPath = 0x1000;
        ref Registers call = ref thread->Registers;
        return (call.R10 & EmptyPath) != 0 && UserMemory.CanRead(call.Rsi, 1) && *(byte*)call.Rsi == 0 ? StatusOf(call.Rdi, call.Rdx) : Status(call.Rsi, call.Rdx);
    }

    /// <summary>access(path, mode).</summary>
    internal static long Access(ulong path, ulong mode)
    {
        const ulong Write = 2;
        Node node = Paths.Find(path, out long error);
        return node == Node.None ? error : (mode & Write) == 0 || IsWritable(KindOf(node, out _)) ? 0 : Errno.ReadOnly;
    }

    /// <summary>readlink(path, target, length): the program is the only link.</summary>
    internal static long ReadLink(ulong path, ulong target, ulong length)
    {
        const string Program = "/program";
        Node node = Paths.Find(path, out long error);
        if (node != Node.Program)
        {
            return node == Node.None ? error : Errno.Invalid;
        }

        length = length < (ulong)Program.Length ? length : (ulong)Program.Length;
        if (!UserMemory.CanWrite(target, length))
        {
            return Errno.Fault;
        }

        for (ulong i = 0; i < length; i++)
        {
            ((byte*)target)[i] = (byte)Program[(int)i];
        }

        return (long)length;
    }

    /// <summary>getcwd(target, length).</summary>
    internal static long WorkingDirectory(ulong target, ulong length)
    {
        const int Needed = 2;
        if (length < Needed)
        {
            return Errno.Range;
        }

        if (!UserMemory.CanWrite(target, Needed))
        {
            return Errno.Fault;
        }

        ((byte*)target)[0] = (byte)'/';
        ((byte*)target)[1] = 0;
        return Needed;
    }

    /// <summary>statfs and fstatfs: what kind of file system, and no room in it.</summary>
    internal static long FileSystem(ulong target, bool isGroups)
    {
        const ulong Groups = 0x6367_7270;
        const ulong Memory = 0x0102_1994;
        const ulong Words = 15;
        if (!UserMemory.CanWrite(target, Words * sizeof(ulong)))
        {
            return Errno.Fault;
        }

        ulong* words = (ulong*)target;
        for (ulong i = 0; i < Words; i++)
        {
            words[i] = 0;
        }

        words[0] = isGroups ? Groups : Memory;
        words[1] = RegionTable.PageSize;
        words[8] = Paths.Longest - 1;
        return 0;
    }

    /// <summary>statfs(path, target).</summary>
    internal static long FileSystemOf(ulong path, ulong target)
    {
        Node node = Paths.Find(path, out long error);
        return node == Node.None ? error : FileSystem(target, node == Node.Sys);
    }

    /// <summary>Bytes of a file.</summary>
    internal static ulong LengthOf(OpenFile* file) => LengthOf(file->Kind, file->Object);

    private static ulong LengthOf(FileKind kind, uint instance) => kind == FileKind.Archive ? Grants.Get(instance)->Length : 0;

    private static long Status(FileKind kind, uint instance, ulong target)
    {
        if (!UserMemory.CanWrite(target, (ulong)sizeof(FileStatus)))
        {
            return Errno.Fault;
        }

        *(FileStatus*)target = FileStatus.Of(kind, instance, LengthOf(kind, instance));
        return 0;
    }

    private static bool IsWritable(FileKind kind) => kind is not (FileKind.Directory or FileKind.Text or FileKind.Archive);

    private static FileKind KindOf(Node node, out uint instance)
    {
        instance = node >= Node.FirstArchived ? node - Node.FirstArchived : (uint)node;
        return node >= Node.FirstArchived ? FileKind.Archive
            : node <= Node.LastDirectory ? FileKind.Directory
            : node is >= Node.Maps and <= Node.LastText ? FileKind.Text
            : node == Node.DevNull ? FileKind.Null
            : node == Node.DevZero ? FileKind.Zero
            : node == Node.DevRandom ? FileKind.Random
            : node == Node.DevConsole ? FileKind.Console
            : FileKind.Null;
    }
}
