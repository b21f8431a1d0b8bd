using Makatea.NvmeModel;

namespace Makatea.Drivers.Nvme.Tests.Simulated;

/// <summary>Controllers that do not start, or say what cannot be.</summary>
public sealed class BringUpTests
{
    [Fact]
    public void A_controller_starts_and_is_shut_down_by_the_book()
    {
        var bed = new SimulatedBed();
        using (bed)
        {
            bed.Open();
            Assert.Equal("S1", bed.Controller.Identity.SerialNumber);
            Assert.Equal([1u], bed.Controller.Namespaces);
            Assert.True(bed.Function.IsBusMaster);
            Assert.False(bed.Model.WasShutDown);
        }

        Assert.True(bed.Model.WasShutDown);
        Assert.False(bed.Function.IsBusMaster);
        Assert.True(bed.Function.IsDisposed);
        Assert.Equal(0, bed.Model.Space.Allocations);
    }

    [Fact]
    public void Another_function_is_refused()
    {
        var model = new ModelController();
        var function = new ModelFunction(model) { ClassCode = 0x020000 };
        NvmeException e = Assert.Throws<NvmeException>(() => NvmeController.Open(function));
        Assert.Equal(NvmeFault.Unsupported, e.Fault);
        Assert.True(function.IsDisposed);
    }

    [Fact]
    public void One_that_never_gets_ready_is_reported_after_its_own_timeout() =>
        Assert.Contains("is not ready 1 s after", Refusal(NvmeFault.NotReady, m => m.NeverReady = true), StringComparison.Ordinal);

    [Fact]
    public void One_that_starts_in_fatal_status_is_reported() =>
        Refusal(NvmeFault.FatalStatus, m => m.IsFatalAtStart = true);

    [Fact]
    public void One_that_is_not_there_is_reported() => Refusal(NvmeFault.Removed, m => m.IsGone = true);

    [Fact]
    public void One_that_does_not_answer_is_reported() => Refusal(NvmeFault.Timeout, m => m.IsDeaf = true);

    [Fact]
    public void One_that_answers_something_else_is_reported() => Refusal(NvmeFault.Protocol, m => m.MixesUpAdmin = true);

    [Fact]
    public void One_without_blocks_is_refused() => Refusal(NvmeFault.Unsupported, m => m.Capabilities &= ~(1ul << 37));

    [Fact]
    public void One_with_larger_pages_is_refused() =>
        Assert.Contains("8192", Refusal(NvmeFault.Unsupported, m => m.Capabilities |= 1ul << 48), StringComparison.Ordinal);

    [Fact]
    public void One_whose_queues_hold_nothing_is_refused() => Refusal(NvmeFault.Protocol, m => m.Capabilities &= ~0xfffful);

    [Fact]
    public void One_for_discovery_is_refused() => Refusal(NvmeFault.Unsupported, m => m.DescribeController = d => d[111] = 2);

    [Fact]
    public void One_with_other_entries_is_refused() => Refusal(NvmeFault.Unsupported, m => m.DescribeController = d => d[512] = 0x77);

    [Theory]
    [InlineData(2u, 1u)]
    [InlineData(1u, 1u)]
    [InlineData(1u, 2u)]
    public void A_list_of_namespaces_that_does_not_ascend_is_refused(uint first, uint second) =>
        Refusal(NvmeFault.Protocol, m => m.ListNamespaces = _ => [first, second]);

    [Fact]
    public void A_list_of_namespaces_without_end_ends()
    {
        using var bed = new SimulatedBed();
        bed.Model.DescribeController = d => d.AsSpan(516, 4).Fill(0xff);
        bed.Model.ListNamespaces = after => [.. Enumerable.Range(1, 1024).Select(i => after + (uint)i)];
        bed.Open();
        Assert.Equal(8192, bed.Controller.Namespaces.Count);
    }

    [Fact]
    public void Text_is_printable()
    {
        using var bed = new SimulatedBed();
        bed.Model.DescribeController = d => "\x1b[2J\0\xff"u8.CopyTo(d.AsSpan(4));
        bed.Open();
        Assert.StartsWith("?[2J", bed.Controller.Identity.SerialNumber, StringComparison.Ordinal);
        Assert.DoesNotContain(bed.Controller.Identity.SerialNumber, c => c is < ' ' or > '~');
    }

    [Fact]
    public void One_that_does_not_stop_is_reset_by_its_function()
    {
        using var bed = new SimulatedBed();
        bed.Model.NeverStops = true;
        bed.Model.Write(0x14, 4, 1);
        bed.Open();
        Assert.Equal(1, bed.Function.ResetCount);
    }

    [Fact]
    public void One_that_neither_stops_nor_resets_is_reported() => Refusal(NvmeFault.NotReady, m =>
    {
        m.NeverStops = true;
        m.Write(0x14, 4, 1);
        m.Function.CannotReset = true;
    });

    [Theory]
    [InlineData("format", 26, 7)]
    [InlineData("small blocks", 134, 8)]
    [InlineData("huge blocks", 134, 17)]
    [InlineData("endless blocks", 134, 255)]
    [InlineData("more than addresses reach", 7, 0xff)]
    public void A_broken_namespace_is_refused(string what, int offset, byte value)
    {
        using var bed = new SimulatedBed();
        bed.Model.Disks[0].Describe = d => d[offset] = value;
        NvmeException e = Assert.Throws<NvmeException>(() => bed.Open());
        Assert.True(e.Fault == NvmeFault.Protocol, what);
    }

    [Fact]
    public void Metadata_is_refused_with_advice()
    {
        using var bed = new SimulatedBed();
        bed.Model.Disks[0].Describe = d => d[132] = 8;
        NvmeException e = Assert.Throws<NvmeException>(() => bed.Open());
        Assert.Equal(NvmeFault.Unsupported, e.Fault);
        Assert.Contains("8 bytes of metadata", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Blocks_larger_than_a_transfer_are_refused()
    {
        using var bed = new SimulatedBed(blockShift: 14);
        bed.Model.MaxTransferShift = 1;
        Assert.Equal(NvmeFault.Protocol, Assert.Throws<NvmeException>(() => bed.Open()).Fault);
    }

    [Fact]
    public void A_namespace_that_is_not_there_is_refused()
    {
        using var bed = new SimulatedBed();
        bed.Open();
        Assert.Contains("it has 1", Assert.Throws<NvmeException>(() => bed.Controller.OpenNamespace(2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Queues_run_out_and_come_back()
    {
        using var bed = new SimulatedBed();
        bed.Model.QueueCount = 2;
        NvmeNamespace disk = bed.Open();
        Assert.Equal(2, bed.Controller.MaxQueues);
        using var first = disk.OpenQueue(4);
        disk.OpenQueue(4).Dispose();
        using var second = disk.OpenQueue(4);
        Assert.Equal(NvmeFault.NoResources, Assert.Throws<NvmeException>(() => disk.OpenQueue(4)).Fault);
    }

    [Theory]
    [InlineData(0x05)]
    [InlineData(0x01)]
    public void A_queue_that_the_controller_refuses_leaves_nothing_behind(byte opcode)
    {
        using var bed = new SimulatedBed();
        NvmeNamespace disk = bed.Open();
        int before = bed.Model.Space.Allocations;
        bed.Model.AdminStatusOf = o => o == opcode ? 0x102 : 0;
        NvmeException e = Assert.Throws<NvmeException>(() => disk.OpenQueue(4));
        Assert.Equal((NvmeFault.CommandFailed, 0x102), (e.Fault, e.Status.Code));
        Assert.Equal(before, bed.Model.Space.Allocations);
        bed.Model.AdminStatusOf = null;
        disk.OpenQueue(4).Dispose();
    }

    private static string Refusal(NvmeFault fault, Action<ModelController> breakIt)
    {
        using var bed = new SimulatedBed();
        breakIt(bed.Model);
        NvmeException e = Assert.Throws<NvmeException>(() => bed.Open());
        Assert.Equal(fault, e.Fault);
        Assert.True(bed.Function.IsDisposed);
        Assert.False(bed.Function.IsBusMaster);
        Assert.Equal(0, bed.Model.Space.Allocations);
        return e.Message;
    }
}
