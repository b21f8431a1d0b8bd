using System.Runtime.CompilerServices;
using Iced.Intel;

namespace Makatea.Platform.Tests;

/// <summary>Stores past the caches, for devices that do not look into them.</summary>
public sealed class StreamedStoreTests : IDisposable
{
    private readonly NativeArray<ulong> _words = new(4);

    public void Dispose() => _words.Dispose();

    [Fact]
    public void The_word_is_written_and_no_other()
    {
        var memory = new SharedMemory(_words.AsSegment(1, 2));
        memory.StreamUInt64(8, 0x1122_3344_5566_7788);
        SharedMemory.StreamFence();
        Assert.Equal([0, 0, 0x1122_3344_5566_7788, 0], _words.AsSpan().ToArray());
    }

    [Theory]
    [InlineData(9ul)]
    [InlineData(16ul)]
    [InlineData(ulong.MaxValue)]
    [InlineData(ulong.MaxValue - 7)]
    public void What_is_outside_is_refused(ulong offset)
    {
        var memory = new SharedMemory(_words.AsSegment(1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.StreamUInt64((nuint)offset, 1));
        Assert.Equal(new ulong[4], _words.AsSpan().ToArray());
    }

    [SkippableFact]
    public void The_store_is_non_temporal_and_the_fence_a_store_fence()
    {
        RegisterAccessCodeTests.SkipUnlessOptimised();
        var memory = new SharedMemory(_words.AsSegment());
        List<Instruction> code = JittedCode.Disassemble(typeof(StreamedStoreTests), nameof(Store), () => Store(memory));
        int store = code.FindIndex(i => i.Mnemonic == Mnemonic.Movnti && i.MemorySize == MemorySize.UInt64);
        int fence = code.FindIndex(i => i.Mnemonic == Mnemonic.Sfence);

        // Or the method is called, and is not part of the caller.
        if (store < 0)
        {
            code = JittedCode.Disassemble(typeof(SharedMemory), nameof(SharedMemory.StreamUInt64), () => Store(memory));
            Assert.Single(code, i => i.Mnemonic == Mnemonic.Movnti);
        }

        Assert.InRange(fence, store + 1, int.MaxValue);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Store(SharedMemory memory)
    {
        memory.StreamUInt64(8, 1);
        SharedMemory.StreamFence();
    }
}
