namespace Makatea.Platform.Tests;

/// <summary>A space that maps nothing and says what it was asked to; fails on request, as a kernel that is out of memory does.</summary>
internal sealed class FakeSpace : DmaSpace
{
    private ulong _next = 0x1_0000_0000;

    internal List<string> Calls { get; } = [];

    internal bool Fails { get; set; }

    public override bool IsProtected => true;

    public override int AddressBits => 48;

    public override int PageSize => 4096;

    public override DmaMemory Allocate(ulong length) => throw new DmaException("this space makes no memory");

    internal DmaMapping Map(nint address, ulong length, DmaAccess access = DmaAccess.ReadWrite) => Add(address, length, access);

    protected override ulong MapPages(nint address, ulong length, DmaAccess access)
    {
        Calls.Add($"map {address:x} {length:x} {access}");
        ulong iova = Fails ? throw new DmaException("refused") : _next;
        _next += length + 0x1000;
        return iova;
    }

    protected override void UnmapPages(ulong iova, ulong length) => Calls.Add($"unmap {iova:x} {length:x}");

    protected override void Dispose(bool disposing) => Calls.Add("dispose");
}
