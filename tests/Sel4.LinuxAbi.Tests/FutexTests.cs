namespace Makatea.Sel4.LinuxAbi.Tests;

[Collection(LayerCollection.Name)]
public sealed unsafe class FutexTests : IDisposable
{
    private const ulong Futex = 202;
    private const ulong Wait = 0x80;
    private const ulong Wake = 0x81;
    private const ulong Requeue = 0x83;
    private const ulong CompareRequeue = 0x84;
    private const ulong WaitMasked = 0x89;
    private const ulong WakeMasked = 0x8a;
    private const ulong Realtime = 0x100;

    private readonly Component _component = new(21);
    private readonly ulong _word;

    public FutexTests()
    {
        _word = _component.Allocate();
        _component.Write(_word, 5);
    }

    public void Dispose() => _component.Dispose();

    [Fact]
    public void Threads_are_woken_in_the_order_in_which_they_came()
    {
        LinuxThread* a = _component.Clone();
        LinuxThread* b = _component.Clone();
        LinuxThread* c = _component.Clone();
        Assert.Equal(Errno.Again, _component.Call(a, Futex, _word, Wait, 4));
        Assert.Null(_component.Call(a, Futex, _word, Wait, 5));
        Assert.Null(_component.Call(b, Futex, _word + 4, Wait, 0));
        Assert.Null(_component.Call(c, Futex, _word, Wait, 5));
        uint reply = a->Reply;
        Assert.Equal(1, _component.Call(Futex, _word, Wake, 1));
        Assert.Equal((0ul, 0u, WaitKind.None), (LayerKernel.Answers[reply].Rax, a->Reply, a->Wait));
        Assert.Equal(a->Registers.Rip, LayerKernel.Answers[reply].Rip);
        Assert.Equal(1, _component.Call(Futex, _word, Wake, 10));
        Assert.Equal(0, _component.Call(Futex, _word, Wake, 10));
        Assert.NotEqual(0u, b->Reply);
    }

    [Fact]
    public void Those_that_listen_to_another_bit_are_not_woken()
    {
        LinuxThread* a = _component.Clone();
        LinuxThread* b = _component.Clone();
        Assert.Equal(Errno.Invalid, _component.Call(a, Futex, _word, WaitMasked, 5, 0, 0, 0));
        Assert.Null(_component.Call(a, Futex, _word, WaitMasked, 5, 0, 0, 1));
        Assert.Null(_component.Call(b, Futex, _word, WaitMasked, 5, 0, 0, 2));
        Assert.Equal(1, _component.Call(Futex, _word, WakeMasked, 10, 0, 0, 2));
        Assert.Equal((WaitKind.Futex, WaitKind.None), (a->Wait, b->Wait));
    }

    [Fact]
    public void A_wait_ends_at_its_time_from_now_on_or_of_day()
    {
        LinuxThread* relative = _component.Clone();
        LinuxThread* absolute = _component.Clone();
        LinuxThread* ofDay = _component.Clone();
        LayerKernel.Now = 10_000_000_000;
        ulong time = _component.Allocate();
        _component.Write(time, 1);
        _component.Write(time + 8, 500_000_000);
        Assert.Null(_component.Call(relative, Futex, _word, Wait, 5, time));
        Assert.Equal(Errno.TimedOut, _component.Call(absolute, Futex, _word, WaitMasked, 5, time, 0, 1));
        _component.Write(time, 12);
        Assert.Null(_component.Call(absolute, Futex, _word, WaitMasked, 5, time, 0, 1));
        _component.Write(time, 1_700_000_013);
        Assert.Null(_component.Call(ofDay, Futex, _word, WaitMasked | Realtime, 5, time, 0, 1));
        _component.Write(time + 8, 1_000_000_000);
        Assert.Equal(Errno.Invalid, _component.Call(Futex, _word, Wait, 5, time));
        uint reply = relative->Reply;
        Component.Pass(1.49);
        Assert.Equal((WaitKind.Futex, WaitKind.Futex, WaitKind.Futex), (relative->Wait, absolute->Wait, ofDay->Wait));
        Component.Pass(0.02);
        Assert.Equal((WaitKind.None, WaitKind.Futex), (relative->Wait, absolute->Wait));
        Assert.Equal(Errno.TimedOut, (long)LayerKernel.Answers[reply].Rax);
        Component.Pass(1);
        Assert.Equal((WaitKind.None, WaitKind.Futex), (absolute->Wait, ofDay->Wait));
        Component.Pass(1);
        Assert.Equal(WaitKind.None, ofDay->Wait);
        Assert.Equal(0, _component.Call(Futex, _word, Wake, 10));
    }

    [Fact]
    public void Those_who_wait_are_moved_to_another_futex()
    {
        LinuxThread* a = _component.Clone();
        LinuxThread* b = _component.Clone();
        LinuxThread* c = _component.Clone();
        _component.Call(a, Futex, _word, Wait, 5);
        _component.Call(b, Futex, _word, Wait, 5);
        _component.Call(c, Futex, _word, Wait, 5);
        Assert.Equal(Errno.Again, _component.Call(Futex, _word, CompareRequeue, 1, 1, _word + 4, 6));
        Assert.Equal(2, _component.Call(Futex, _word, CompareRequeue, 1, 1, _word + 4, 5));
        Assert.Equal((WaitKind.None, _word + 4, _word), (a->Wait, b->FutexAddress, c->FutexAddress));
        Assert.Equal(1, _component.Call(Futex, _word, Requeue, 0, 9, _word + 4));
        Assert.Equal(2, _component.Call(Futex, _word + 4, Wake, 9));
    }

    [Fact]
    public void A_thread_that_ends_clears_its_number_and_wakes_who_waits_for_that()
    {
        _component.Write(_word, 7);
        LinuxThread* thread = _component.Clone(_word);
        Assert.Equal(0x1234_5000ul, LayerKernel.Storage[thread->Slot]);
        Registers start = LayerKernel.Started[thread->Slot];
        Assert.Equal((0ul, 0x7fff_0000ul, _component.First->Registers.Rip), (start.Rax, start.Rsp, start.Rip));
        LinuxThread* other = _component.Clone();
        Assert.Null(_component.Call(other, Futex, _word, Wait, 7));
        Assert.Null(_component.Call(thread, 60, 0));
        Assert.Equal(0u, (uint)_component.Read(_word));
        Assert.Equal(WaitKind.None, other->Wait);
        Assert.False(thread->IsAlive);
        Assert.Contains(thread->Slot, LayerKernel.Suspended);

        // The last ends the program.
        Assert.Null(_component.Call(other, 60, 0));
        ComponentEnded ended = Assert.Throws<ComponentEnded>(() => _component.Call(60, 3));
        Assert.Equal((ExitReason.Status, 3ul), (ended.Reason, ended.Detail));
    }

    [Fact]
    public void There_are_as_many_threads_as_the_manifest_says_again_and_again()
    {
        for (int round = 0; round < 50; round++)
        {
            var ids = new List<uint>();
            for (int i = 1; i < Component.Threads; i++)
            {
                ids.Add(_component.Clone()->Id);
            }

            Assert.Equal(Component.Threads - 1, ids.Distinct().Count());
            Assert.Equal(Errno.Again, _component.Call(56, 0x0001_0f00, 0x1000));
            foreach (uint id in ids)
            {
                LinuxThread* thread = Threads.Find(id);
                if (id % 2 == 0)
                {
                    Assert.Null(_component.Call(thread, Futex, _word, Wait, 5));
                }

                Threads.End(thread, 0);
            }
        }

        Assert.Equal(0, _component.Call(Futex, _word, Wake, 99));
    }
}
