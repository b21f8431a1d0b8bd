using System.Runtime.CompilerServices;

namespace Makatea.Platform.Linux.Tests;

public sealed class FaultGuardTests
{
    private const int Aborted = 128 + 6;
    private const int BusError = 128 + 7;

    [Fact]
    public void Memory_that_is_truncated_reads_as_zeroes_and_is_lost()
    {
        using LinuxGrant grant = TestMemory.Unsealed(16 * 4096);
        using MappedMemory memory = grant.Map(0, 16 * 4096, MemoryAccess.ReadWrite);
        SharedMemory view = memory.View();
        view.ReleaseUInt64(0, 0x1234);
        view.ReleaseUInt64(15 * 4096, 0x5678);
        Assert.False(memory.IsLost);

        TestMemory.Resize(grant.Handle, 0);

        Assert.Equal(0ul, view.AcquireUInt64(15 * 4096));
        Assert.True(memory.IsLost);
        Assert.Equal(0ul, view.AcquireUInt64(0));
    }

    [Fact]
    public void Lost_memory_can_be_written_and_is_private()
    {
        using LinuxGrant grant = TestMemory.Unsealed(8192);
        using MappedMemory lost = grant.Map(0, 8192, MemoryAccess.ReadWrite);
        TestMemory.Resize(grant.Handle, 0);

        lost.View().ReleaseUInt64(4096, 42);

        Assert.True(lost.IsLost);
        Assert.Equal(42ul, lost.View().AcquireUInt64(4096));
        TestMemory.Resize(grant.Handle, 8192);
        using MappedMemory fresh = grant.Map(0, 8192, MemoryAccess.ReadWrite);
        Assert.Equal(0ul, fresh.View().AcquireUInt64(4096));
    }

    [Fact]
    public void Bulk_copies_and_atomic_operations_survive_too()
    {
        const int Length = 1 << 20;
        using LinuxGrant grant = TestMemory.Unsealed(Length);
        byte[] ours = new byte[Length];
        using (MappedMemory memory = grant.Map(0, Length, MemoryAccess.ReadWrite))
        {
            memory.Slice(0, Length).AsSpan().Fill(1);
            TestMemory.Resize(grant.Handle, Length / 2);
            memory.Slice(0, Length).AsSpan().CopyTo(ours);
            Assert.True(memory.IsLost);
            Assert.Equal(-1, ours.AsSpan(Length / 2).IndexOfAnyExcept((byte)0));
        }

        TestMemory.Resize(grant.Handle, Length);
        using MappedMemory log = grant.Map(0, Length, MemoryAccess.ReadWrite);
        TestMemory.Resize(grant.Handle, 0);
        log.View().OrByte(4097, 0x10);
        Assert.True(log.IsLost);
        Assert.Equal(0x10, log.View().ReadByte(4097));
    }

    [Fact]
    public void Only_the_mapping_that_was_touched_is_lost()
    {
        using LinuxGrant grant = TestMemory.Unsealed(8192);
        using LinuxGrant other = TestMemory.Unsealed(8192);
        using MappedMemory first = grant.Map(0, 4096, MemoryAccess.ReadWrite);
        using MappedMemory second = grant.Map(4096, 4096, MemoryAccess.ReadWrite);
        using MappedMemory third = other.Map(0, 8192, MemoryAccess.ReadWrite);
        third.View().ReleaseUInt64(8, 7);
        TestMemory.Resize(grant.Handle, 4096);

        Assert.Equal(0ul, second.View().AcquireUInt64(0));

        Assert.True(second.IsLost);
        Assert.False(first.IsLost);
        Assert.False(third.IsLost);
        Assert.Equal(7ul, third.View().AcquireUInt64(8));
    }

    [Fact]
    public void A_mapping_stays_lost_after_dispose()
    {
        using LinuxGrant grant = TestMemory.Unsealed(4096);
        MappedMemory memory = grant.Map(0, 4096, MemoryAccess.Read);
        TestMemory.Resize(grant.Handle, 0);
        _ = memory.View().ReadByte(0);

        memory.Dispose();

        Assert.True(memory.IsLost);
        memory.Dispose();
    }

    [Fact]
    public void Entries_are_used_again()
    {
        using LinuxGrant grant = TestMemory.Unsealed(4096);
        for (int i = 0; i < FaultGuard.Capacity + 10; i++)
        {
            using MappedMemory memory = grant.Map(0, 4096, MemoryAccess.ReadWrite);
            Assert.False(memory.IsLost);
        }
    }

    [Fact]
    public void Threads_that_touch_lost_memory_at_once_all_go_on()
    {
        for (int round = 0; round < 50; round++)
        {
            using LinuxGrant grant = TestMemory.Unsealed(1 << 20);
            using MappedMemory memory = grant.Map(0, 1 << 20, MemoryAccess.ReadWrite);
            TestMemory.Resize(grant.Handle, 0);
            using Barrier start = new(4);
            Thread[] threads = [.. Enumerable.Range(0, 4).Select(n => new Thread(() =>
            {
                start.SignalAndWait();
                for (nuint offset = 0; offset < 1 << 20; offset += 4096)
                {
                    memory.View().ReleaseUInt32(offset + ((nuint)n * 4), (uint)n);
                }
            }))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            Assert.True(memory.IsLost);
        }
    }

    [Fact]
    public void Faults_go_on_while_mappings_come_and_go_and_garbage_is_collected()
    {
        using CancellationTokenSource stop = new();
        int lost = 0;
        Thread churn = new(() =>
        {
            using LinuxGrant grant = TestMemory.Unsealed(65536);
            while (!stop.IsCancellationRequested)
            {
                using MappedMemory memory = grant.Map(0, 65536, MemoryAccess.ReadWrite);
                memory.View().ReleaseUInt64(4096, 1);
                lost += memory.IsLost ? 1 : 0;
                GC.Collect(0);
            }
        });
        churn.Start();
        try
        {
            for (int i = 0; i < 500; i++)
            {
                using LinuxGrant grant = TestMemory.Unsealed(8192);
                using MappedMemory memory = grant.Map(0, 8192, MemoryAccess.ReadWrite);
                memory.View().ReleaseUInt64(0, 1);
                TestMemory.Resize(grant.Handle, 0);
                Assert.Equal(0ul, memory.View().AcquireUInt64(0));
                Assert.True(memory.IsLost);
            }
        }
        finally
        {
            stop.Cancel();
            churn.Join();
        }

        Assert.Equal(0, lost);
    }

    [Fact]
    public void Null_references_are_still_thrown()
    {
        _ = new LinuxHost();
        Assert.Throws<NullReferenceException>(() => LengthOf(null!));
    }

    [Fact]
    public void A_bus_error_elsewhere_ends_the_process_as_it_does_without_the_guard()
    {
        (int plainCode, string plain) = ChildProcess.Run("fault-outside", "plain");
        (int guardedCode, string guarded) = ChildProcess.Run("fault-outside", "guarded");

        Assert.Equal(Aborted, plainCode);
        Assert.Equal(plainCode, guardedCode);
        Assert.Contains("touching", guarded);
        Assert.Contains("AccessViolationException", plain);
        Assert.Contains("AccessViolationException", guarded);
    }

    [Fact]
    public void A_bus_error_that_was_sent_is_not_mistaken_for_a_fault()
    {
        (int code, string output) = ChildProcess.Run("sent-signal");
        Assert.Contains("touching", output);
        Assert.Equal(0, code);
    }

    [Fact]
    public void Without_a_handler_before_the_default_action_is_taken()
    {
        (int code, string output) = ChildProcess.Run("no-previous-handler");
        Assert.Contains("touching", output);
        Assert.Equal(BusError, code);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int LengthOf(string text) => text.Length;
}
