using System.Net;
using System.Text;
using static Makatea.SandboxProbe.Native;

namespace Makatea.SandboxProbe;

/// <summary>
/// A ring of our own, on which operations do not pass the system call filter: a component that was granted io_uring and is taken over
/// can try these.
/// </summary>
internal static unsafe class Ring
{
    private const int Enter = 426;
    private const int Open = 18;
    private const int Connect = 16;
    private const int Unlink = 36;
    private const int Socket = 45;
    private const long ReadWriteShared = 3;
    private const int GetEvents = 1;

    /// <summary>What a ring is good for.</summary>
    public static IEnumerable<(string Name, string Result)> All(Targets t)
    {
        byte* parameters = stackalloc byte[120];
        new Span<byte>(parameters, 120).Clear();
        long ring = Call(425, 4, (long)parameters);
        if (ring < 0)
        {
            return [("make a ring", Result(ring))];
        }

        uint* p = (uint*)parameters;
        byte* queues = (byte*)Call(9, 0, 65536, ReadWriteShared, 1, ring, 0);
        byte* entries = (byte*)Call(9, 0, 4096, ReadWriteShared, 1, ring, 0x1000_0000);
        uint* tail = (uint*)(queues + p[11]);
        uint* array = (uint*)(queues + p[16]);
        byte* completions = queues + p[25];
        uint* completionHead = (uint*)(queues + p[20]);
        uint completionMask = *(uint*)(queues + p[22]);

        string users = Path("/etc/passwd", 0);
        string write = Path(t.Secret, 2);
        string unlink = OnPath(Unlink, t.Removable, 0);
        string tcp = ConnectTo(new IPEndPoint(IPAddress.Loopback, t.Port));
        string name = ConnectTo(new System.Net.Sockets.UnixDomainSocketEndPoint('\0' + t.SocketName));
        return
        [
            ("make a ring", "ok"),
            ("read the list of users by ring", users),
            ("write a file of the starter by ring", write),
            ("remove a file of the starter by ring", unlink),
            ("connect to TCP by ring", tcp),
            ("connect to an abstract UNIX socket by ring", name),
        ];

        string Path(string path, int flags) => OnPath(Open, path, flags);

        string OnPath(byte operation, string path, int flags)
        {
            fixed (byte* text = Encoding.UTF8.GetBytes(path + '\0'))
            {
                return Text(Submit(operation, -100, 0, (ulong)text, 0, flags));
            }
        }

        string ConnectTo(EndPoint to)
        {
            int socket = Submit(Socket, (long)to.AddressFamily == 1 ? 1 : 2, 1, 0, 0, 0);
            if (socket < 0)
            {
                return Text(socket);
            }

            SocketAddress address = to.Serialize();
            fixed (byte* bytes = address.Buffer.Span)
            {
                return Text(Submit(Connect, socket, (ulong)address.Size, (ulong)bytes, 0, 0));
            }
        }

        int Submit(byte operation, int fd, ulong offset, ulong address, uint length, int flags)
        {
            // struct io_uring_sqe: opcode 0, fd 4, off 8, addr 16, len 24, flags of the operation 28
            new Span<byte>(entries, 64).Clear();
            entries[0] = operation;
            *(int*)(entries + 4) = fd;
            *(ulong*)(entries + 8) = offset;
            *(ulong*)(entries + 16) = address;
            *(uint*)(entries + 24) = length;
            *(int*)(entries + 28) = flags;
            array[*tail & 3] = 0;
            Volatile.Write(ref *tail, *tail + 1);
            if (Call(Enter, ring, 1, 1, GetEvents, 0, 0) < 0)
            {
                return -System.Runtime.InteropServices.Marshal.GetLastPInvokeError();
            }

            int result = *(int*)(completions + ((*completionHead & completionMask) * 16) + 8);
            Volatile.Write(ref *completionHead, *completionHead + 1);
            return result;
        }

        static string Text(int result) => result >= 0 ? "ok" : (-result).ToString();
    }
}
