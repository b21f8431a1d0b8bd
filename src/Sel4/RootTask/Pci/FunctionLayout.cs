namespace Makatea.Sel4;

/// <summary>
/// What the root task knows of a function on PCI: where its registers are, and which of its configuration space the component that has it may write. All of that but what switches DMA and
/// interrupts on and off is the root task's: base addresses, and where messages go.
/// </summary>
internal unsafe struct FunctionLayout<TConfig>
    where TConfig : struct, IConfigSpace
{
    internal const int Bars = 6;

    private const uint VendorId = 0x00;
    private const uint Command = 0x04;
    private const uint Status = 0x06;
    private const uint HeaderType = 0x0e;
    private const uint Bar0 = 0x10;
    private const uint CapabilitiesPointer = 0x34;
    private const uint HasCapabilities = 1 << 4;
    private const uint DecodesMemory = 1 << 1;
    private const uint BusMaster = 1 << 2;
    private const uint NoPinInterrupt = 1 << 10;
    private const uint MsiId = 5;
    private const uint MsiXId = 0x11;
    private const uint MsiIs64Bit = 1 << 7;
    private const uint MsiEnable = 1;
    private const uint MsiXEnable = 1u << 15;
    private const uint MsiXMask = 1u << 14;
    private const uint MsiXSize = 0x7ff;
    private const uint ExpressId = 0x10;
    private const uint DeviceCapabilities = 4;
    private const uint DeviceControl = 8;
    private const uint HasReset = 1 << 28;
    private const uint ResetFunction = 1 << 15;
    private const int MaxCapabilities = 48;

    private TConfig _config;
    private fixed ulong _address[Bars];
    private fixed ulong _length[Bars];
    private fixed byte _flags[Bars];
    private fixed uint _registers[Bars];
    private uint _msi;
    private uint _msiX;
    private uint _express;
    private ulong _messageAddress;
    private uint _messageData;

    /// <summary>Vendor and, above 16 bits, device; all ones where there is no function.</summary>
    internal uint Identity;

    /// <summary>Interrupts by message that it can raise.</summary>
    internal uint Vectors;

    /// <summary>It can be reset by itself (FLR, [PCIe-6.0] 6.6.2).</summary>
    internal readonly bool CanReset => _express != 0 && (_config.Read(_express + DeviceCapabilities, 4) & HasReset) != 0;

    /// <summary>Looks at a function, which is switched off for it: no DMA, no interrupts.</summary>
    /// <returns>False where there is none that a component can be given: a bridge, or a base address that nobody set.</returns>
    internal static bool TryRead(TConfig config, out FunctionLayout<TConfig> layout)
    {
        layout = default;
        layout._config = config;
        layout.Identity = config.Read(VendorId, 4);
        if ((layout.Identity & 0xffff) == 0xffff || (config.Read(HeaderType, 1) & 0x7f) != 0)
        {
            return false;
        }

        layout.FindCapabilities();
        layout.SwitchOff();
        return layout.ReadBars();
    }

    /// <summary>Registers of a base address register; a length of 0 where there are none in memory.</summary>
    internal readonly void GetBar(int index, out ulong address, out ulong length, out byte flags)
    {
        address = _address[index];
        length = _length[index];
        flags = _flags[index];
    }

    /// <summary>Ends DMA and interrupts.</summary>
    internal void SwitchOff()
    {
        _config.Write(Command, 2, (_config.Read(Command, 2) & ~BusMaster) | NoPinInterrupt);
        if (_msi != 0)
        {
            _config.Write(_msi + 2, 2, _config.Read(_msi + 2, 2) & ~MsiEnable);
        }

        if (_msiX != 0)
        {
            _config.Write(_msiX + 2, 2, _config.Read(_msiX + 2, 2) & ~MsiXEnable);
        }
    }

    /// <summary>Switches the function off and begins to reset it; what it is doing ends within 100 ms, and nobody touches it until then.</summary>
    internal void BeginReset()
    {
        SwitchOff();
        _config.Write(_express + DeviceControl, 2, _config.Read(_express + DeviceControl, 2) | ResetFunction);
    }

    /// <summary>Places the registers again where they were, and aims its interrupt.</summary>
    internal void EndReset()
    {
        for (int i = 0; i < Bars; i++)
        {
            _config.Write(Bar0 + (4 * (uint)i), 4, _registers[i]);
        }

        if (_messageAddress != 0)
        {
            SetMessage(_messageAddress, _messageData);
        }

        _config.Write(Command, 2, _config.Read(Command, 2) | DecodesMemory | NoPinInterrupt);
    }

    /// <summary>Aims the interrupt of a function that has MSI and no MSI-X; that of one with MSI-X is in its registers.</summary>
    internal void SetMessage(ulong address, uint data)
    {
        _messageAddress = address;
        _messageData = data;
        if (_msi == 0)
        {
            return;
        }

        _config.Write(_msi + 4, 4, (uint)address);
        uint at = 8;
        if ((_config.Read(_msi + 2, 2) & MsiIs64Bit) != 0)
        {
            _config.Write(_msi + 8, 4, (uint)(address >> 32));
            at = 12;
        }

        _config.Write(_msi + at, 2, data);
    }

    /// <summary>A write of the component that has the function. What it may not choose stays as it is.</summary>
    internal void Write(uint offset, uint width, uint value, bool mayMaster)
    {
        WriteRegister(Command, (mayMaster ? BusMaster : 0) | NoPinInterrupt, offset, width, value);
        if (_msi != 0)
        {
            WriteRegister(_msi + 2, MsiEnable, offset, width, value);
        }

        if (_msiX != 0)
        {
            WriteRegister(_msiX + 2, MsiXEnable | MsiXMask, offset, width, value);
        }
    }

    /// <summary>Writes the permitted bits of a register of 16 bits, where the write covers it.</summary>
    private void WriteRegister(uint register, uint mask, uint offset, uint width, uint value)
    {
        if (offset <= register && register + 2 <= offset + width)
        {
            uint wanted = value >> (int)(8 * (register - offset));
            _config.Write(register, 2, (_config.Read(register, 2) & ~mask) | (wanted & mask));
        }
    }

    private void FindCapabilities()
    {
        if ((_config.Read(Status, 2) & HasCapabilities) == 0)
        {
            return;
        }

        uint offset = _config.Read(CapabilitiesPointer, 1) & 0xfc;
        for (int i = 0; i < MaxCapabilities && offset >= 0x40; i++)
        {
            uint header = _config.Read(offset, 4);
            if ((header & 0xff) == MsiId && _msi == 0)
            {
                _msi = offset;
            }

            if ((header & 0xff) == MsiXId && _msiX == 0)
            {
                _msiX = offset;
                Vectors = ((header >> 16) & MsiXSize) + 1;
            }

            if ((header & 0xff) == ExpressId && _express == 0)
            {
                _express = offset;
            }

            offset = (header >> 8) & 0xfc;
        }

        Vectors = Vectors == 0 && _msi != 0 ? 1 : Vectors;
    }

    private bool ReadBars()
    {
        const uint IsPorts = 1;
        const uint Is64Bit = 4;
        uint command = _config.Read(Command, 2);
        _config.Write(Command, 2, command & ~DecodesMemory);
        for (int i = 0; i < Bars; i++)
        {
            uint low = Size(i, out uint lowMask);
            _flags[i] = (byte)(low & 15);
            if ((low & IsPorts) != 0 || lowMask == 0)
            {
                continue;
            }

            ulong address = low & ~15u;
            ulong mask = 0xffff_ffff_0000_0000 | (lowMask & ~15u);
            int index = i;
            if ((low & 6) == Is64Bit && i + 1 < Bars)
            {
                uint high = Size(++i, out uint highMask);
                address |= (ulong)high << 32;
                mask = ((ulong)highMask << 32) | (lowMask & ~15u);
            }

            _address[index] = address;
            _length[index] = ~mask + 1;
        }

        _config.Write(Command, 2, command | DecodesMemory);
        return true;
    }

    private uint Size(int index, out uint mask)
    {
        uint offset = Bar0 + (4 * (uint)index);
        uint value = _config.Read(offset, 4);
        _config.Write(offset, 4, ~0u);
        mask = _config.Read(offset, 4);
        _registers[index] = value;
        _config.Write(offset, 4, value);
        return value;
    }
}
