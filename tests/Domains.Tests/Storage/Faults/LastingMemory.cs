using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>Memory that outlives whoever it is given to, as a region that the manager holds does.</summary>
internal sealed class LastingMemory(int length) : MappedMemory
{
    private readonly HeapMemory _memory = new(length);

    public override nint Address => _memory.Address;

    public override ulong Length => _memory.Length;

    public override bool IsLost => false;

    public Span<byte> Bytes => Slice(0, (int)Length).AsSpan();

    protected override void Dispose(bool disposing)
    {
    }
}
