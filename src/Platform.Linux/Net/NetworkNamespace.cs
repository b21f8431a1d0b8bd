using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Network namespaces of the host, as <c>ip netns</c> names them.</summary>
public static class NetworkNamespace
{
    private const string Folder = "/run/netns";

    /// <summary>
    /// Runs <paramref name="open"/> in a namespace, on a thread of its own. Sockets and TAP devices stay in the namespace in which they were opened, whoever uses them.
    /// </summary>
    /// <param name="name">Its name, or its path where it has a '/'.</param>
    /// <param name="open">What to do there.</param>
    /// <exception cref="IOException">There is no such namespace, or this process may not enter it.</exception>
    public static T Run<T>(string name, Func<T> open)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(open);
        string path = name.Contains('/', StringComparison.Ordinal) ? name : Path.Combine(Folder, name);
        string what = $"cannot enter the network namespace {name}";
        using SafeFileHandle file = LinuxError.Descriptor(Libc.Open(path, Libc.O_RDONLY | Libc.O_CLOEXEC), what, $"open({path})");
        T? result = default;
        System.Runtime.ExceptionServices.ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (Libc.SetNs(file, Libc.CLONE_NEWNET) < 0)
                {
                    throw LinuxError.Io(what, "setns", Errno.Last, Errno.Last == Errno.EPERM ? "it takes CAP_SYS_ADMIN" : null);
                }

                result = open();
            }
            catch (Exception e)
            {
                failure = System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(e);
            }
        })
        { IsBackground = true, Name = $"netns {name}" };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }
}
