using System.Diagnostics;
using Makatea.Drivers.Nvme;
using Makatea.EmulatedDevices;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.EndToEnd;

/// <summary>A namespace in an image, under our driver: QEMU's controller behind VT-d, data in memory that the controller reaches itself.</summary>
internal sealed class NvmeDisk : IDisposable
{
    private const int Depth = 8;
    private const int Piece = 128 << 10;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private readonly EmulatedNvme _nvme;
    private readonly NvmeController _controller;
    private readonly DmaMemory _memory;
    private readonly NativeArray<MemorySegment> _segments = new(Depth);
    private readonly BlockRequest[] _requests = new BlockRequest[Depth];
    private readonly BlockCompletion[] _completions = new BlockCompletion[Depth];

    /// <summary>Starts controller and driver.</summary>
    public NvmeDisk(string image, int blockSize)
    {
        _nvme = new(new QemuMachineOptions { Arguments = ["-blockdev", BlockNode(image)], Devices = [Device(blockSize)] });
        _controller = NvmeController.Open(_nvme.Function);
        Namespace = _controller.OpenNamespace(1);
        _memory = _nvme.Function.Dma.Allocate(Depth * Piece);
    }

    public NvmeNamespace Namespace { get; }

    /// <summary>QEMU's <c>-blockdev</c> for an image that is discarded in.</summary>
    public static string BlockNode(string image) => $$$"""{"driver":"raw","node-name":"disk","discard":"unmap","file":{"driver":"file","filename":"{{{image}}}","discard":"unmap"}}""";

    /// <summary>QEMU's <c>-device</c> for the same controller, here and in the guest.</summary>
    public static string Device(int blockSize) =>
        $"nvme,serial=judge,drive=disk,logical_block_size={blockSize},physical_block_size={blockSize},discard_granularity={blockSize}";

    /// <summary>Reads bytes, whole blocks, from any view of the namespace.</summary>
    public byte[] Read(BlockDevice view, long at, int length)
    {
        byte[] data = new byte[length];
        Transfer(view, BlockOperation.Read, at, data);
        return data;
    }

    /// <summary>Writes bytes, whole blocks, to any view of the namespace.</summary>
    public void Write(BlockDevice view, long at, byte[] data) => Transfer(view, BlockOperation.Write, at, data);

    /// <summary>Does something without data.</summary>
    public void Do(BlockDevice view, BlockOperation operation, long at = 0, int length = 0)
    {
        using BlockQueue queue = view.OpenQueue(1);
        queue.Submit([new BlockRequest { Operation = operation, Sector = (ulong)at / BlockDevice.SectorSize, SectorCount = (uint)length / BlockDevice.SectorSize }]);
        TakeAll(queue, 1);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Namespace.Dispose();
        _memory.Dispose();
        _segments.Dispose();
        _controller.Dispose();
        _nvme.Dispose();
    }

    private void Transfer(BlockDevice view, BlockOperation operation, long at, byte[] data)
    {
        using BlockQueue queue = view.OpenQueue(Depth);
        for (int done = 0; done < data.Length;)
        {
            int start = done;
            int count = 0;
            for (; count < Depth && done < data.Length; count++)
            {
                int length = Math.Min(Piece, data.Length - done);
                _segments[count] = _memory.Slice((ulong)(count * Piece), length);
                _requests[count] = new BlockRequest
                {
                    Operation = operation,
                    Sector = (ulong)(at + done) / BlockDevice.SectorSize,
                    SectorCount = (uint)length / BlockDevice.SectorSize,
                    Tag = count,
                    Data = ScatterList.Of(_segments, count, 1),
                };
                data.AsSpan(done, operation == BlockOperation.Write ? length : 0).CopyTo(_segments[count].AsSpan());
                done += length;
            }

            queue.Submit(_requests.AsSpan(0, count));
            TakeAll(queue, count);
            for (int i = 0; i < count && operation == BlockOperation.Read; i++)
            {
                _segments[i].AsSpan().CopyTo(data.AsSpan(start + (i * Piece)));
            }
        }
    }

    private void TakeAll(BlockQueue queue, int count)
    {
        var clock = Stopwatch.StartNew();
        for (int left = count; left > 0;)
        {
            int taken = queue.Poll(_completions);
            Assert.All(_completions[..taken], c => Assert.Equal(BlockStatus.Ok, c.Status));
            left -= taken;
            Assert.True(left == 0 || clock.Elapsed < _patience, $"{left} requests did not complete in {_patience}");
        }
    }
}
