using System.Runtime.InteropServices;

namespace Makatea.Drivers.Pci;

/// <summary>What a component asks of its function's server.</summary>
internal enum FunctionOperation : byte
{
    /// <summary>Address, identity, lengths. Reply: <see cref="FunctionDescription"/>.</summary>
    Describe = 1,

    /// <summary>Reads configuration space at <see cref="FunctionRequest.Address"/>.</summary>
    ReadConfig,

    /// <summary>Writes configuration space.</summary>
    WriteConfig,

    /// <summary>Maps the registers of base address register <see cref="FunctionRequest.Index"/>.</summary>
    MapBar,

    /// <summary>Reads a register of a base address register.</summary>
    ReadRegister,

    /// <summary>Writes a register of a base address register.</summary>
    WriteRegister,

    /// <summary>Lets the function start transactions where <see cref="FunctionRequest.Value"/> is 1, stops it where it is 0.</summary>
    SetBusMaster,

    /// <summary>Resets the function.</summary>
    Reset,

    /// <summary>Takes <see cref="FunctionRequest.Value"/> interrupt vectors into use.</summary>
    EnableInterrupts,

    /// <summary>Asks for the doorbell of vector <see cref="FunctionRequest.Value"/>, which comes with the reply.</summary>
    GetInterrupt,

    /// <summary>Gives interrupts up.</summary>
    DisableInterrupts,

    /// <summary>Unmasks a pin interrupt.</summary>
    Rearm,

    /// <summary>Maps <see cref="FunctionRequest.Length"/> bytes at offset <see cref="FunctionRequest.Address"/> of the granted memory for the function. Reply: the IOVA.</summary>
    MapMemory,

    /// <summary>Unmaps what was mapped at IOVA <see cref="FunctionRequest.Address"/>.</summary>
    UnmapMemory,
}

/// <summary>A request: 32 bytes, little-endian.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FunctionRequest
{
    public const int Size = 32;

    /// <summary>What is asked.</summary>
    public FunctionOperation Operation;

    /// <summary>Number of a base address register.</summary>
    public byte Index;

    /// <summary>Width of an access in bytes, or a <see cref="Platform.DmaAccess"/>.</summary>
    public ushort Width;

    /// <summary>0.</summary>
    public uint Reserved;

    /// <summary>Offset or address.</summary>
    public ulong Address;

    /// <summary>Length in bytes.</summary>
    public ulong Length;

    /// <summary>Value.</summary>
    public ulong Value;
}

/// <summary>A reply: 16 bytes, little-endian, and what follows.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FunctionReply
{
    public const int Size = 16;

    /// <summary>Most bytes that follow.</summary>
    public const int MaxTail = 1024;

    /// <summary>The result.</summary>
    public ulong Value;

    /// <summary>Bytes that follow: the message where it was refused, or a structure.</summary>
    public uint TailLength;

    /// <summary>0 done; 1 refused, with a message.</summary>
    public uint Status;
}

/// <summary>What a function is.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FunctionDescription
{
    public const int Size = 136;

    public ushort Segment;
    public ushort RequesterId;
    public ushort Vendor;
    public ushort Device;
    public ushort SubsystemVendor;
    public ushort Subsystem;
    public uint ClassAndRevision;
    public int ConfigLength;
    public int MaxInterrupts;
    public int AddressBits;
    public int PageSize;
    public uint IsProtected;
    public uint Reserved;
    public BarDescriptions Bars;
}

/// <summary>The six base address registers.</summary>
[System.Runtime.CompilerServices.InlineArray(6)]
internal struct BarDescriptions
{
    private BarDescription _first;
}

/// <summary>A base address register.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BarDescription
{
    public ulong Length;
    public uint Kind;
    public uint IsPrefetchable;
}
