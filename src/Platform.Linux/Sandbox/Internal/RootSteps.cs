using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>
/// The root file system of its own. The granted trees are picked up first, as the user who starts, who may reach what others may not;
/// then, as the user who is to run, a new root is made, the trees are put there and the host's root is left for good.
/// </summary>
internal sealed unsafe class RootSteps(SpawnContext context)
{
    private const long NewMounts = 0x2_0000;
    private const long ReadOnly = 1;
    private const long NoSuid = 2;
    private const long NoDev = 4;
    private const long NoExec = 8;
    private const long Remount = 0x20;
    private const long Bind = 0x1000;
    private const long Recursive = 0x4000;
    private const long Private = 0x4_0000;
    private const long Detach = 2;
    private const long FromDescriptor = 4;

    private const long AtCurrentDirectory = -100;
    private const long AtRecursive = 0x8000;
    private const long CloseOnExec = 0x8_0000;
    private const long PathOnly = 0x20_0000;
    private const long CloneTree = 1;
    private const long GetDescriptorFlags = 1;
    private const long RegularFile = 0x8000;
    private const long DirectoryMode = 0x1ED; // rwxr-xr-x
    private const long FileMode = 0x124; // r--r--r--
    private const string OldRoot = "/.host";

    // struct mount_attr { u64 attr_set, attr_clr, propagation, userns_fd; }
    private const int MountAttributesLength = 32;

    private static readonly string[] _devices = ["/dev/null", "/dev/urandom"];

    private readonly SpawnPlan _plan = context.Plan;
    private readonly List<(string Path, bool IsDirectory, long Attributes, PlanStep Tree)> _trees = [];
    private readonly PlanLabel _noTrees = new(context.Plan);
    private readonly PlanLabel _undo = new(context.Plan);
    private readonly PlanLabel _noRoot = new(context.Plan);
    private PlanStep _procSelf;
    private PlanStep _ready;

    /// <summary>Picks the granted trees up.</summary>
    public void PickUp()
    {
        long nothing = _plan.Text("none");
        Attempt(_noTrees, _plan.Add("unshare(CLONE_NEWNS)", Syscall.Unshare, NewMounts));
        Attempt(_noTrees, _plan.Add("mount / private", Syscall.Mount, nothing, _plan.Text("/"), 0, Recursive | Private));
        foreach (string path in context.Layout.Mounts)
        {
            _trees.Add((path, Directory.Exists(path), ReadOnly | NoSuid | NoDev, PickUp(path)));
        }

        // A device node on a "nodev" mount cannot be opened.
        foreach (string device in _devices.Where(File.Exists))
        {
            _trees.Add((device, false, ReadOnly | NoSuid | NoExec, PickUp(device)));
        }

        _procSelf = PickUp("/proc/self");
        _ready = _plan.Add("all trees are picked up", Syscall.Openat, AtCurrentDirectory, _plan.Text("/"), PathOnly | CloseOnExec);
        _noTrees.Put();
    }

    /// <summary>Makes the root and leaves the host's.</summary>
    /// <returns>The step that opens its /proc.</returns>
    public PlanStep Build()
    {
        string staging = SandboxHost.StagingDirectory ?? throw new SandboxException("there is none of /tmp, /mnt, /run and /var to build a root on");
        PlanStep check = _plan.Add("are all trees picked up", Syscall.Fcntl, -1, GetDescriptorFlags).OrGoTo(_noRoot);
        _ready.Into(check.Argument(0));

        long tmpfs = _plan.Text("tmpfs");
        Attempt(_noRoot, _plan.Add($"mount tmpfs on {staging}", Syscall.Mount, tmpfs, _plan.Text(staging), tmpfs, NoSuid | NoDev | NoExec, _plan.Text("mode=0755,size=1m,nr_inodes=8192")));
        Attempt(_undo, _plan.Add("mkdir for the host's root", Syscall.Mkdir, _plan.Text(staging + OldRoot), DirectoryMode));
        Attempt(_undo, _plan.Add("pivot_root", Syscall.PivotRoot, _plan.Text(staging), _plan.Text(staging + OldRoot)));

        // There is no way back from here, so the rest must succeed.
        _plan.Add("chdir /", Syscall.Chdir, _plan.Text("/"));
        foreach (string directory in context.Layout.Directories.Append("/dev").Append("/proc").Distinct())
        {
            _plan.Add($"mkdir {directory}", Syscall.Mkdir, _plan.Text(directory), DirectoryMode);
        }

        foreach ((string link, string target) in context.Layout.Links)
        {
            _plan.Add($"symlink {link}", Syscall.Symlinkat, _plan.Text(target), AtCurrentDirectory, _plan.Text(link));
        }

        foreach ((string path, bool isDirectory, long attributes, PlanStep tree) in _trees)
        {
            Mount(path, isDirectory, attributes, tree);
        }

        // The kernel gives a user namespace a /proc only while it sees all of another: before it leaves the host's.
        MountProc();
        _plan.Add("leave the host's root", Syscall.Umount2, _plan.Text(OldRoot), Detach);
        _plan.Add("rmdir", Syscall.Rmdir, _plan.Text(OldRoot));
        PlanStep openProc = _plan.Add("open /proc", Syscall.Openat, AtCurrentDirectory, _plan.Text("/proc"), PathOnly | CloseOnExec);
        _plan.Add("make / read-only", Syscall.Mount, _plan.Text("none"), _plan.Text("/"), 0, Remount | Bind | ReadOnly | NoSuid | NoDev | NoExec)
            .Proves(SandboxLayers.MountNamespace).ThenGoTo(_noRoot);
        _undo.Put();
        _plan.Add($"show {staging} again", Syscall.Umount2, _plan.Text(staging), Detach).Optional();
        _noRoot.Put();
        return openProc;
    }

    private void Attempt(PlanLabel otherwise, PlanStep step) => context.Prove(SandboxLayers.MountNamespace, step, otherwise);

    private PlanStep PickUp(string path)
    {
        PlanStep step = _plan.Add($"open_tree({path})", Syscall.OpenTree, AtCurrentDirectory, _plan.Text(path), CloneTree | CloseOnExec | AtRecursive);
        Attempt(_noTrees, step);
        return step;
    }

    private void Mount(string path, bool isDirectory, long attributes, PlanStep tree)
    {
        long target = _plan.Text(path);
        if (!isDirectory)
        {
            _plan.Add($"make a file at {path}", Syscall.Mknodat, AtCurrentDirectory, target, RegularFile | FileMode, 0);
        }

        PlanStep move = _plan.Add($"move_mount({path})", Syscall.MoveMount, 0, _plan.Text(""), AtCurrentDirectory, target, FromDescriptor);
        tree.Into(move.Argument(0));
        long[] set = [attributes, 0, 0, 0];
        long structure = (long)_plan.Store(MemoryMarshal.AsBytes<long>(set), 8);
        _plan.Add($"make {path} read-only", Syscall.MountSetattr, AtCurrentDirectory, target, AtRecursive, structure, MountAttributesLength);
    }

    /// <summary>
    /// /proc with the processes of its own namespace and nothing else; where the kernel mounts no second one (a container's is partly
    /// hidden), its own directory out of the host's.
    /// </summary>
    private void MountProc()
    {
        PlanLabel done = context.Label();
        long proc = _plan.Text("proc");
        if (context.HasProcessNamespace)
        {
            _plan.Add("mount /proc", Syscall.Mount, proc, _plan.Text("/proc"), proc, NoSuid | NoDev | NoExec | ReadOnly, _plan.Text("subset=pid")).Optional().ThenGoTo(done);
        }

        _plan.Add("mkdir /proc/self", Syscall.Mkdir, _plan.Text("/proc/self"), DirectoryMode).OrGoTo(done);
        Mount("/proc/self", isDirectory: true, NoSuid | NoDev | NoExec, _procSelf);
        done.Put();
    }
}
