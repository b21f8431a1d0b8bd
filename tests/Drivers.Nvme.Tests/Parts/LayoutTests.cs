using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Drivers.Nvme.Tests.Parts;

/// <summary>What goes over the wire has the standard's layout.</summary>
public sealed class LayoutTests
{
    [Theory]
    [InlineData(nameof(SubmissionEntry.Command), 0)]
    [InlineData(nameof(SubmissionEntry.NamespaceId), 4)]
    [InlineData(nameof(SubmissionEntry.Reserved), 8)]
    [InlineData(nameof(SubmissionEntry.Metadata), 16)]
    [InlineData(nameof(SubmissionEntry.Data1), 24)]
    [InlineData(nameof(SubmissionEntry.Data2), 32)]
    [InlineData(nameof(SubmissionEntry.Dword10), 40)]
    [InlineData(nameof(SubmissionEntry.Dword11), 44)]
    [InlineData(nameof(SubmissionEntry.Dword12), 48)]
    [InlineData(nameof(SubmissionEntry.Dword13), 52)]
    [InlineData(nameof(SubmissionEntry.Dword14), 56)]
    [InlineData(nameof(SubmissionEntry.Dword15), 60)]
    public void Submission_entry_fields_are_where_Figure_92_has_them(string field, int offset)
    {
        Assert.Equal(SubmissionEntry.Length, Unsafe.SizeOf<SubmissionEntry>());
        Assert.Equal(offset, (int)Marshal.OffsetOf<SubmissionEntry>(field));
    }

    [Fact]
    public void Completion_entry_fields_are_where_Figure_97_has_them()
    {
        var entry = new CompletionEntry(0x1234_0056, 0x8503_0abc);
        Assert.Equal((0x1234, 0x56, (ushort)0x0abc), (entry.SubmissionQueue, entry.SubmissionHead, entry.CommandId));
        Assert.Equal((0x281, 2, true), (entry.Status.Code, entry.Status.Type, entry.Status.DoNotRetry));
    }

    [Fact]
    public void Capabilities_are_read_as_Figure_36_has_them()
    {
        var capabilities = new ControllerCapabilities((1ul << 37) | (3ul << 32) | (0x14ul << 24) | 0x3ff);
        capabilities.Check();
        Assert.Equal((1024, TimeSpan.FromSeconds(10), 32ul, 4096ul), (capabilities.MaxQueueEntries, capabilities.ReadyTimeout, capabilities.DoorbellStride, capabilities.MinPageSize));
    }
}
