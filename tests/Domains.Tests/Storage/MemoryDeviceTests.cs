using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

public sealed class MemoryDeviceTests : BlockDeviceContract
{
    protected override BlockDevice CreateDevice() => new MemoryDevice((1 << 20) + (3 * 512));
}

public sealed class MemoryDeviceWith4KBlocksTests : BlockDeviceContract
{
    protected override BlockDevice CreateDevice() => new MemoryDevice(1 << 20, 4096);
}
