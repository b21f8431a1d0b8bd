namespace Makatea.Drivers.E1000;

/// <summary>What of a controller the data path has to know; the compiler makes one of it for each controller, with no call in it.</summary>
internal interface IChip
{
    /// <summary>Most bytes of one transmit descriptor.</summary>
    static abstract int MaxDescriptorData { get; }

    /// <summary>A checksum context stays until another is written to the same queue.</summary>
    static abstract bool KeepsContext { get; }

    /// <summary>The descriptor of a frame after one that was segmented may be reported before its data was fetched, unless its last bytes have a descriptor of their own.</summary>
    static abstract bool ReportsEarlyAfterSegmentation { get; }

    /// <summary>It cuts TCP over IPv6 into segments.</summary>
    static abstract bool SegmentsIp6 { get; }

    /// <summary>Status in bits 7:0 and errors in bits 31:24 of the second word of a receive descriptor; the other bits are anything.</summary>
    static abstract uint Status(ulong second);

    /// <summary>Length in bytes, as the controller says.</summary>
    static abstract int ReceivedLength(ulong second);
}
