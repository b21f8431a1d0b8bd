using System.IO.Pipes;

namespace Makatea.Platform.Linux.Tests;

public sealed class PipeDoorbellTests
{
    private readonly LinuxHost _host = new();

    [Fact]
    public void A_pipe_is_rung_at_one_end_and_waited_for_at_the_other()
    {
        (Doorbell write, Doorbell read) = CreatePipe();
        using (write)
        using (read)
        using (DoorbellWaiter waiter = _host.CreateWaiter())
        {
            waiter.Add(read, 9);
            Assert.Equal(0ul, waiter.Wait(Time.Now));
            for (int i = 0; i < 3; i++)
            {
                write.Ring();
                write.Ring();
                Assert.Equal(1ul << 9, waiter.Wait(Time.In(5)));
                Assert.Equal(0ul, waiter.Wait(Time.Now));
            }
        }
    }

    [Fact]
    public void A_full_pipe_is_emptied_and_rings_again()
    {
        (Doorbell write, Doorbell read) = CreatePipe();
        using (write)
        using (read)
        using (DoorbellWaiter waiter = _host.CreateWaiter())
        {
            waiter.Add(read, 0);
            for (int i = 0; i < 200_000; i++)
            {
                write.Ring();
            }

            Assert.Equal(1ul, waiter.Wait(Time.In(5)));
            write.Ring();
            Assert.Equal(1ul, waiter.Wait(Time.In(5)));
        }
    }

    [Fact]
    public void The_wrong_use_of_an_end_does_nothing()
    {
        (Doorbell write, Doorbell read) = CreatePipe();
        using (DoorbellWaiter waiter = _host.CreateWaiter())
        {
            waiter.Add(write, 0);
            read.Ring();
            Assert.Equal(0ul, waiter.Wait(Time.In(0.02)));
        }

        read.Dispose();
        write.Ring();
        write.Dispose();
    }

    private static (Doorbell Write, Doorbell Read) CreatePipe()
    {
        using AnonymousPipeServerStream server = new(PipeDirection.Out);
        using LinuxGrant write = LinuxGrantOf(server.SafePipeHandle);
        using LinuxGrant read = LinuxGrantOf(server.ClientSafePipeHandle);
        return (write.OpenDoorbell(), read.OpenDoorbell());
    }

    private static LinuxGrant LinuxGrantOf(Microsoft.Win32.SafeHandles.SafePipeHandle pipe) =>
        LinuxGrant.Adopt(Libc.Fcntl((int)pipe.DangerousGetHandle(), Libc.F_DUPFD_CLOEXEC, 0));
}
