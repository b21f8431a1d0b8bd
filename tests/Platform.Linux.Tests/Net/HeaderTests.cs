using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Tests;

/// <summary>What is told to the kernel and heard from it, where it makes no sense.</summary>
public sealed class HeaderTests
{
    private const NetFrameFlags Tcp4 = NetFrameFlags.SegmentTcp4;

    [Fact]
    public void Structures_are_laid_out_as_the_kernel_has_them()
    {
        Assert.Equal(10, Unsafe.SizeOf<VnetHeader>());
        Assert.Equal(2, Offset<VnetHeader>(nameof(VnetHeader.HeaderLength)));
        Assert.Equal(4, Offset<VnetHeader>(nameof(VnetHeader.SegmentSize)));
        Assert.Equal(6, Offset<VnetHeader>(nameof(VnetHeader.ChecksumStart)));
        Assert.Equal(8, Offset<VnetHeader>(nameof(VnetHeader.ChecksumOffset)));
        Assert.Equal(64, Unsafe.SizeOf<Libc.BatchMessage>());
        Assert.Equal(56, Offset<Libc.BatchMessage>(nameof(Libc.BatchMessage.Length)));
        Assert.Equal(20, Unsafe.SizeOf<Libc.LinkAddress>());
        Assert.Equal(4, Offset<Libc.LinkAddress>(nameof(Libc.LinkAddress.Index)));
        Assert.Equal(12, Unsafe.SizeOf<Libc.NetlinkAddress>());
        Assert.Equal(8, Offset<Libc.NetlinkAddress>(nameof(Libc.NetlinkAddress.Groups)));
        Assert.Equal(16, Unsafe.SizeOf<Libc.PacketMembership>());
        Assert.Equal(4, Offset<Libc.PacketMembership>(nameof(Libc.PacketMembership.Type)));
        Assert.Equal(20, Unsafe.SizeOf<Libc.PacketAuxiliary>());
        Assert.Equal(16, Offset<Libc.PacketAuxiliary>(nameof(Libc.PacketAuxiliary.VlanTag)));
        Assert.Equal(8, Unsafe.SizeOf<Libc.PacketStatistics>());
        Assert.Equal(40, Unsafe.SizeOf<Libc.InterfaceRequest>());
        Assert.Equal(16, Offset<Libc.InterfaceRequest>(nameof(Libc.InterfaceRequest.Flags)));
    }

    [Theory]
    [InlineData(NetFrameFlags.NeedsChecksum, 34, 6, 0, 0, true)]
    [InlineData(NetFrameFlags.NeedsChecksum, 92, 6, 0, 0, true)]
    [InlineData(NetFrameFlags.NeedsChecksum, 93, 6, 0, 0, false)] // beyond the end
    [InlineData(NetFrameFlags.NeedsChecksum, 65535, 65535, 0, 0, false)]
    [InlineData(NetFrameFlags.ChecksumGood, 65535, 65535, 0, 0, true)]
    [InlineData(NetFrameFlags.HasVlanTag, 0, 0, 0, 0, false)]
    [InlineData(NetFrameFlags.SegmentEcn, 34, 16, 54, 20, false)]
    [InlineData(Tcp4, 34, 16, 54, 20, true)]
    [InlineData(Tcp4 | NetFrameFlags.SegmentEcn, 34, 16, 54, 20, true)]
    [InlineData(NetFrameFlags.SegmentUdp4 | NetFrameFlags.SegmentEcn, 34, 6, 42, 20, false)]
    [InlineData(Tcp4 | NetFrameFlags.SegmentTcp6, 34, 16, 54, 20, false)]
    [InlineData(Tcp4, 34, 16, 54, 0, false)] // no segment size
    [InlineData(Tcp4, 34, 16, 100, 20, false)] // nothing to cut
    [InlineData(Tcp4, 34, 16, 34, 20, false)]
    public void What_cannot_be_is_not_told(NetFrameFlags flags, ushort start, ushort offset, ushort headers, ushort size, bool expected)
    {
        var offload = new NetFrameOffload { Flags = flags, ChecksumStart = start, ChecksumOffset = offset, HeaderLength = headers, SegmentSize = size };
        Assert.Equal(expected, VnetHeader.TryTell(offload, 100, out VnetHeader header));
        Assert.Equal(expected && flags != NetFrameFlags.ChecksumGood, expected && header.Flags == VnetHeader.FlagNeedsChecksum);
    }

    [Theory]
    [InlineData(VnetHeader.FlagNeedsChecksum, VnetHeader.GsoNone, 34, 6, 0, true)]
    [InlineData(VnetHeader.FlagNeedsChecksum, VnetHeader.GsoNone, 95, 6, 0, false)]
    [InlineData(VnetHeader.FlagNeedsChecksum, VnetHeader.GsoTcp4, 34, 16, 20, true)]
    [InlineData(VnetHeader.FlagNeedsChecksum, VnetHeader.GsoTcp4, 34, 16, 0, false)]
    [InlineData(VnetHeader.FlagNeedsChecksum, VnetHeader.GsoTcp4, 90, 4, 20, false)] // no room for a header there
    [InlineData(0, VnetHeader.GsoTcp4, 34, 16, 20, false)]
    [InlineData(VnetHeader.FlagNeedsChecksum, 3, 34, 16, 20, false)] // UFO
    public void What_cannot_be_is_not_heard(byte flags, byte kind, ushort start, ushort offset, ushort size, bool expected)
    {
        byte[] frame = new byte[100];
        frame[34 + 12] = 0x50;
        var header = new VnetHeader { Flags = flags, GsoType = kind, ChecksumStart = start, ChecksumOffset = offset, SegmentSize = size };
        NetFrameOffload offload = default;
        Assert.Equal(expected, header.TryHear(frame, frame.Length, ref offload));
        if (expected && size != 0)
        {
            Assert.Equal(54, offload.HeaderLength);
        }
    }

    /// <summary>Whatever the bytes are, nothing is read or written outside of them.</summary>
    [Fact]
    public void Any_header_is_survived()
    {
        var random = new Random(7);
        byte[] frame = new byte[400];
        for (int i = 0; i < 300_000; i++)
        {
            random.NextBytes(frame.AsSpan(0, 80));
            frame[12] = (byte)(random.Next(4) == 0 ? 0x81 : random.Next(2) == 0 ? 0x08 : 0x86);
            frame[13] = (byte)(frame[12] == 0x86 ? 0xdd : 0);
            int length = random.Next(14, frame.Length);
            VnetHeader heard = MemoryMarshal.Read<VnetHeader>(frame.AsSpan(random.Next(60)));
            NetFrameOffload offload = default;
            if (random.Next(2) == 0 ? heard.TryHear(frame.AsSpan(0, length), length, ref offload) : Guess(random, ref offload))
            {
                if (VnetHeader.TryTell(offload, length, out VnetHeader told) && told.GsoType != VnetHeader.GsoNone && offload.HeaderLength <= SegmentedHeaders.MaxLength)
                {
                    SegmentedHeaders.TryPrepare(frame.AsSpan(0, offload.HeaderLength), length, offload);
                }
            }
        }
    }

    private static bool Guess(Random random, ref NetFrameOffload offload)
    {
        offload.Flags = (NetFrameFlags)(1 << random.Next(10));
        offload.ChecksumStart = (ushort)random.Next(80);
        offload.ChecksumOffset = (ushort)random.Next(20);
        offload.HeaderLength = (ushort)random.Next(120);
        offload.SegmentSize = (ushort)random.Next(2000);
        return true;
    }

    private static int Offset<T>(string field) => (int)Marshal.OffsetOf<T>(field);
}
