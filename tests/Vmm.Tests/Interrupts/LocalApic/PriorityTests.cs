using FsCheck;
using FsCheck.Fluent;

namespace Makatea.Vmm.Tests;

/// <summary>[SDM] volume 3, 11.8.</summary>
public sealed class PriorityTests
{
    private readonly ApicBed _bed = new();

    [Fact]
    public void S11_8_3_The_highest_vector_comes_first_and_waits_for_none_of_a_lower_class()
    {
        _bed.Apic.Post(0x31, false);
        _bed.Apic.Post(0x45, false);
        Assert.True(_bed.Apic.TryTakeInterrupt(out byte vector));
        Assert.Equal(0x45, vector);
        Assert.False(_bed.Apic.TryTakeInterrupt(out _));
        _bed.Apic.Post(0x4f, false); // of the same class: waits
        Assert.False(_bed.Apic.HasInterrupt);
        _bed.Apic.Post(0x50, false); // of a higher one: nests
        Assert.True(_bed.Apic.TryTakeInterrupt(out vector));
        Assert.Equal(0x50, vector);
        Assert.Equal(0x50u, _bed.Read(LocalApicRegister.ProcessorPriority));
        _bed.Write(LocalApicRegister.EndOfInterrupt, 0);
        Assert.Equal(0x40u, _bed.Read(LocalApicRegister.ProcessorPriority));
        Assert.False(_bed.Apic.HasInterrupt);
        _bed.Write(LocalApicRegister.EndOfInterrupt, 0);
        Assert.Equal((byte)0x4f, _bed.Take());
        Assert.Equal((byte)0x31, _bed.Take());
        Assert.Null(_bed.Take());
    }

    [Fact]
    public void S11_8_3_1_The_task_priority_holds_back_its_class_and_below()
    {
        _bed.Write(LocalApicRegister.TaskPriority, 0x4a);
        Assert.Equal(0x4au, _bed.Read(LocalApicRegister.ProcessorPriority));
        Assert.Equal(4, _bed.Apic.TaskPriorityClass);
        _bed.Apic.Post(0x4f, false);
        Assert.False(_bed.Apic.HasInterrupt);
        _bed.Apic.TaskPriorityClass = 3;
        Assert.Equal(0x30u, _bed.Read(LocalApicRegister.TaskPriority));
        Assert.True(_bed.Apic.HasInterrupt);
    }

    [Fact]
    public void S11_8_4_A_vector_that_comes_again_while_it_is_served_is_served_again_once()
    {
        _bed.Apic.Post(0x40, false);
        Assert.True(_bed.Apic.TryTakeInterrupt(out _));
        _bed.Apic.Post(0x40, false);
        _bed.Apic.Post(0x40, false);
        Assert.Equal(1u, _bed.Read(LocalApicRegister.Requested + 0x20));
        Assert.Equal(1u, _bed.Read(LocalApicRegister.InService + 0x20));
        _bed.Write(LocalApicRegister.EndOfInterrupt, 0);
        Assert.Equal((byte)0x40, _bed.Take());
        Assert.Null(_bed.Take());
    }

    [Fact]
    public void S11_9_Vectors_are_dropped_while_software_has_the_apic_off()
    {
        _bed.Apic.Post(0x40, false);
        _bed.Write(LocalApicRegister.SpuriousVector, 0xff);
        Assert.Equal(InterruptDelivery.Refused, _bed.Apic.Post(0x41, false));
        Assert.Equal((byte)0x40, _bed.Take()); // what had come stays
        Assert.Null(_bed.Take());
        _bed.Apic.PostNmi(); // these come all the same
        Assert.True(_bed.Apic.TryTakeNmi());
    }

    [Fact]
    public void An_end_with_nothing_in_service_does_nothing()
    {
        _bed.Apic.Post(0x40, true);
        _bed.Write(LocalApicRegister.EndOfInterrupt, 0);
        Assert.Equal((byte)0x40, _bed.Take());
    }

    /// <summary>Against a plain model: sets, a stack of what is served.</summary>
    [Fact]
    public void Any_order_of_posts_takes_and_ends_is_what_a_plain_model_says() => Prop.ForAll<(byte Operation, byte Value)[]>(steps =>
    {
        ApicBed bed = new();
        SortedSet<byte> requested = [];
        SortedSet<byte> served = [];
        byte taskPriority = 0;
        foreach ((byte operation, byte value) in steps)
        {
            switch (operation % 4)
            {
                case 0:
                    Assert.Equal(
                        value < 16 ? InterruptDelivery.Refused : requested.Add(value) ? InterruptDelivery.Delivered : InterruptDelivery.Merged,
                        bed.Apic.Post(value, false));
                    break;
                case 1:
                    int priority = Math.Max(taskPriority >> 4, served.Count != 0 ? served.Max >> 4 : 0);
                    bool expected = requested.Count != 0 && requested.Max >> 4 > priority;
                    Assert.Equal(expected, bed.Apic.HasInterrupt);
                    Assert.Equal(expected, bed.Apic.TryTakeInterrupt(out byte vector));
                    if (expected)
                    {
                        Assert.Equal(requested.Max, vector);
                        requested.Remove(vector);
                        served.Add(vector);
                    }

                    break;
                case 2:
                    bed.Write(LocalApicRegister.EndOfInterrupt, 0);
                    served.Remove(served.Max);
                    break;
                default:
                    taskPriority = value;
                    bed.Write(LocalApicRegister.TaskPriority, value);
                    break;
            }
        }
    }).QuickCheckThrowOnFailure();
}
