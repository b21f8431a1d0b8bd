using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Tests;

/// <summary>Requests and completions are copied in batches; they stay as small as they are.</summary>
public sealed class BlockLayoutTests
{
    [Fact]
    public void A_request_is_40_bytes()
    {
        Assert.Equal(40, Unsafe.SizeOf<BlockRequest>());
        Assert.Equal(0, Offset(nameof(BlockRequest.Sector)));
        Assert.Equal(8, Offset(nameof(BlockRequest.SectorCount)));
        Assert.Equal(12, Offset(nameof(BlockRequest.Tag)));
        Assert.Equal(16, Offset(nameof(BlockRequest.Data)));
        Assert.Equal(32, Offset(nameof(BlockRequest.Operation)));
        Assert.Equal(1, sizeof(BlockOperation));
    }

    [Fact]
    public void A_completion_is_8_bytes()
    {
        Assert.Equal(8, Unsafe.SizeOf<BlockCompletion>());
        Assert.Equal(1, sizeof(BlockStatus));
    }

    private static int Offset(string field) => (int)Marshal.OffsetOf<BlockRequest>(field);
}
