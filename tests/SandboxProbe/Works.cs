using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Makatea.SandboxProbe;

/// <summary>What a component must be able to do.</summary>
internal static class Works
{
    private static int _depth;

    public static IEnumerable<(string Name, string Result)> All(int memory, int pipe, int doorbell) =>
    [
        ("granted memory", Attempt(() =>
        {
            using var handle = new SafeFileHandle(memory, ownsHandle: false);
            byte[] text = new byte[7];
            return RandomAccess.Read(handle, text, 0) == 7 && Encoding.UTF8.GetString(text) == "granted";
        })),
        ("granted pipe", Attempt(() =>
        {
            using var handle = new SafeFileHandle(pipe, ownsHandle: false);
            using var stream = new FileStream(handle, FileAccess.Write, 0);
            stream.Write("hello"u8);
            return true;
        })),
        ("granted doorbell", Attempt(() =>
        {
            using var handle = new SafeFileHandle(doorbell, ownsHandle: false);
            using var stream = new FileStream(handle, FileAccess.Write, 0);
            stream.Write(BitConverter.GetBytes(1UL));
            return true;
        })),
        ("doorbells that a peer made wait", Attempt(() =>
        {
            // F_SETFL without O_NONBLOCK, and a count that takes no more.
            var host = new LinuxHost();
            using Doorbell bell = host.CreateDoorbell();
            using var shared = (LinuxGrant)host.ShareDoorbell(bell, DoorbellEnd.Ring);
            Native.Call(72, shared.Handle.DangerousGetHandle(), 4, 0);
            using var stream = new FileStream(new SafeFileHandle(shared.Handle.DangerousGetHandle(), ownsHandle: false), FileAccess.Write, 0);
            stream.Write(BitConverter.GetBytes(ulong.MaxValue - 1));
            var ringer = new Thread(bell.Ring) { IsBackground = true };
            ringer.Start();
            return ringer.Join(TimeSpan.FromSeconds(10));
        })),
        ("signals to itself", Attempt(() => Native.Call(62, Environment.ProcessId, 0) == 0 && Native.Call(234, Environment.ProcessId, Environment.ProcessId, 0) == 0)),
        ("threads", Attempt(() =>
        {
            int sum = 0;
            Thread[] threads = [.. Enumerable.Range(1, 16).Select(i => new Thread(() => Interlocked.Add(ref sum, i)))];
            Array.ForEach(threads, t => t.Start());
            Array.ForEach(threads, t => t.Join());
            return sum == 136;
        })),
        ("tasks and timers", Attempt(() => Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Delay(5 + i))).Wait(TimeSpan.FromSeconds(20)))),
        ("garbage collection", Attempt(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                GC.KeepAlive(new byte[1 << 20]);
            }

            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            return GC.CollectionCount(2) > 0;
        })),
        ("exceptions", Attempt(() =>
        {
            try
            {
                throw new InvalidOperationException("as asked");
            }
            catch (InvalidOperationException e)
            {
                return e.StackTrace!.Contains(nameof(All), StringComparison.Ordinal);
            }
        })),
        ("null references", Attempt(() =>
        {
            try
            {
                return ((string)null!).Length == 0;
            }
            catch (NullReferenceException)
            {
                return true;
            }
        })),
        ("deep stacks", Attempt(() => Recurse(10_000) == 10_000)),
        ("own assemblies", Attempt(() => File.ReadAllBytes(typeof(Works).Assembly.Location).Length > 0)),
        ("assemblies loaded late", Attempt(() => JsonSerializer.Serialize(new[] { 1, 2 }) == "[1,2]")),
        ("random numbers", Attempt(() => Guid.NewGuid() != Guid.NewGuid() && System.Security.Cryptography.RandomNumberGenerator.GetBytes(16).Any(b => b != 0))),
        ("hashes", Attempt(() => System.Security.Cryptography.SHA256.HashData("a"u8)[0] == 0xCA)),
        ("clock", Attempt(() => DateTime.Now.Year >= 2024 && TimeZoneInfo.Local is not null)),
        ("own usage", Attempt(() => Environment.WorkingSet > 0 && Environment.CpuUsage.TotalTime > TimeSpan.Zero && Environment.ProcessorCount > 0)),
        ("own descriptors only", string.Join(' ', Enumerable.Range(0, 4096).Where(fd => Native.Call(72, fd, 1) == 0 && Describe(fd) is not null).Select(Describe))),
    ];

    public static int WaitForTerminate()
    {
        using var asked = new ManualResetEventSlim();
        using PosixSignalRegistration registration = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            asked.Set();
        });
        Console.WriteLine("waiting");
        return asked.Wait(TimeSpan.FromSeconds(60)) ? 42 : 1;
    }

    /// <summary>What a descriptor is, unless it is .NET's own.</summary>
    private static string? Describe(int fd)
    {
        string? target = new FileInfo($"/proc/self/fd/{fd}").LinkTarget;
        return target is null || target.StartsWith("/proc/", StringComparison.Ordinal) || target.EndsWith(".dll", StringComparison.Ordinal) ? null : $"{fd}:{target}";
    }

    private static string Attempt(Func<bool> work)
    {
        try
        {
            return work() ? "ok" : "wrong";
        }
        catch (Exception e)
        {
            return e.ToString().ReplaceLineEndings(" ");
        }
    }

    private static int Recurse(int depth)
    {
        _depth++;
        return depth == 0 ? 0 : 1 + Recurse(depth - 1);
    }
}
