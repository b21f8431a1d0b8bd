using Makatea.Vmm.Pci;

namespace Makatea.Vmm.Tests.Pci;

/// <summary>[PCI-3.0] 6.8.2.</summary>
public sealed class MsiXModelTests
{
    private readonly BridgeMachine.RecordingController _controller = new();
    private readonly MsiXModel _model;

    public MsiXModelTests() => _model = new MsiXModel(_controller, 3);

    [Fact]
    public void A_vector_sends_its_message()
    {
        Program(1, 0xfee0_2000, 0x4041);
        _model.SetEnabled(true);
        _model.Raise(1);
        Assert.Equal([(0xfee0_2000UL, 0x4041U)], _controller.Sent);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_masked_is_pending_until_it_is_let_through(bool whole)
    {
        Program(2, 0xfee0_0000, 5);
        _model.SetEnabled(!whole);
        Mask(2, !whole);
        _model.Raise(2);
        _model.Raise(2);
        Assert.Empty(_controller.Sent);
        Assert.Equal(4UL, _model.Read(MsiXModel.PendingOffset, 8));
        if (whole)
        {
            _model.SetEnabled(true);
        }
        else
        {
            Mask(2, false);
        }

        Assert.Single(_controller.Sent);
        Assert.Equal(0UL, _model.Read(MsiXModel.PendingOffset, 4));
    }

    [Fact]
    public void Every_vector_is_masked_at_first()
    {
        _model.SetEnabled(true);
        _model.Raise(0);
        Assert.Empty(_controller.Sent);
        Assert.Equal(1UL, _model.Read(12, 4));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(0xffff)]
    public void A_vector_that_there_is_none_of_sends_nothing(int vector) => _model.Raise(vector);

    [Fact]
    public void Nothing_pending_is_left_by_a_reset()
    {
        _model.Raise(0);
        _model.Reset();
        Program(0, 0xfee0_0000, 1);
        _model.SetEnabled(true);
        Assert.Empty(_controller.Sent);
    }

    /// <summary>A vector that is raised while it is masked and unmasked is sent at least once after its last mask.</summary>
    [Fact]
    public void No_interrupt_is_lost_to_masking()
    {
        Program(0, 0xfee0_0000, 9);
        _model.SetEnabled(true);
        using Barrier barrier = new(2);
        Thread thread = new(() =>
        {
            for (int i = 0; i < 3000; i++)
            {
                barrier.SignalAndWait();
                Mask(0, true);
                Mask(0, false);
                barrier.SignalAndWait();
            }
        });
        thread.Start();
        for (int i = 0; i < 3000; i++)
        {
            int before = _controller.Sent.Length;
            barrier.SignalAndWait();
            _model.Raise(0);
            barrier.SignalAndWait();
            Assert.Equal(before + 1, _controller.Sent.Length);
        }

        thread.Join();
    }

    [Theory]
    [InlineData(0UL, 1)]
    [InlineData(2UL, 2)]
    [InlineData(4UL, 8)]
    [InlineData(0xffcUL, 4)]
    [InlineData(0xff8UL, 8)]
    public void Odd_accesses_do_nothing(ulong address, int width)
    {
        _model.Write(address, width, ulong.MaxValue);
        _model.Read(address, width);
        Assert.Equal((0UL, 0UL), (_model.Read(0, 4), _model.Read(4, 4)));
    }

    private void Program(uint vector, ulong address, uint data)
    {
        _model.Write(vector * 16, 8, address);
        _model.Write(vector * 16 + 8, 4, data);
        Mask(vector, false);
    }

    private void Mask(uint vector, bool isMasked) => _model.Write(vector * 16 + 12, 4, isMasked ? 1UL : 0);
}
