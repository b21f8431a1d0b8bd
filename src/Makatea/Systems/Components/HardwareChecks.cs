using Makatea.Platform;

namespace Makatea.Systems;

/// <summary>Functions, ports, pins and registers: each has one owner.</summary>
internal static class HardwareChecks
{
    /// <summary>Checks a system that may have been read in part.</summary>
    public static void Check(SystemDescription system, SystemFileErrors errors)
    {
        var functions = new Dictionary<PciAddress, string>();
        foreach (DomainDescription domain in system.Domains)
        {
            // That two domains have one is said elsewhere.
            if (domain.Nvme is { } nvme && PciAddress.TryParse(domain.IsEmulated ? Sel4Devices.Nvme : nvme.Value, out PciAddress address))
            {
                functions[address] = $"domain '{domain.Name.Value}' in line {nvme.Mark.Line}";
            }

            if (domain.Uplink?.Value is { E1000: { } adapter } uplink && PciAddress.TryParse(uplink.IsEmulated ? Sel4Devices.Adapter : adapter.Value, out address))
            {
                functions[address] = $"domain '{domain.Name.Value}' in line {adapter.Mark.Line}";
            }
        }

        var pins = new Dictionary<long, string>();
        var ports = new List<(int First, int Last, string Owner)>();
        var registers = new List<(ulong First, ulong Last, string Owner)>();
        foreach (ComponentDescription component in system.Components)
        {
            string owner = $"component '{component.Name.Value}'";
            CheckFunctions(component, owner, functions, errors);
            foreach (Located<long> pin in component.Pins)
            {
                if (!pins.TryAdd(pin.Value, $"{owner} in line {pin.Mark.Line}"))
                {
                    errors.Meaning(pin.Mark, $"found the pin {pin.Value} again, expected another; {pins[pin.Value]} has it");
                }
            }

            foreach (Located<string> written in component.Ports.Where(p => p.Value is not null))
            {
                CheckPorts(written, owner, ports, errors);
            }

            foreach (RegistersDescription described in component.Registers.Where(r => r.Address.Value is not null))
            {
                CheckRegisters(described, owner, registers, errors);
            }
        }
    }

    private static void CheckFunctions(ComponentDescription component, string owner, Dictionary<PciAddress, string> functions, SystemFileErrors errors)
    {
        foreach (FunctionDescription function in component.Functions)
        {
            if (!PciAddress.TryParse(function.Address.Value, out PciAddress address))
            {
                continue;
            }

            if (!functions.TryAdd(address, $"{owner} in line {function.Address.Mark.Line}"))
            {
                errors.Meaning(function.Address.Mark, $"found the function {address} again, expected another; {functions[address]} drives it");
            }

            if (address.Segment != 0)
            {
                errors.Meaning(function.Address.Mark, $"found the function {address}, expected one of segment 0000: the kernel reaches no other");
            }
        }
    }

    private static void CheckPorts(Located<string> written, string owner, List<(int First, int Last, string Owner)> ports, SystemFileErrors errors)
    {
        (int first, int last) = Sel4Devices.Ports(written.Value);
        if (last < first)
        {
            errors.Meaning(written.Mark, $"found the ports {written.Value}, expected the lower first");
        }
        else if (first <= Sel4Devices.ConsoleLastPort && last >= Sel4Devices.ConsoleFirstPort)
        {
            errors.Meaning(written.Mark, $"found the ports {written.Value}, expected others: 0x3f8-0x3ff are the console's");
        }
        else if (ports.FirstOrDefault(p => first <= p.Last && last >= p.First) is { Owner: { } other })
        {
            errors.Meaning(written.Mark, $"found the ports {written.Value}, expected others; {other} has some of them");
        }

        ports.Add((first, last, $"{owner} in line {written.Mark.Line}"));
    }

    private static void CheckRegisters(RegistersDescription described, string owner, List<(ulong First, ulong Last, string Owner)> registers, SystemFileErrors errors)
    {
        ulong first = Sel4Devices.Address(described.Address.Value);
        ulong last = first + described.Length - 1;
        if (described.Length < 4096 || !ulong.IsPow2(described.Length) || first % described.Length != 0)
        {
            errors.Meaning(described.Address.Mark, $"found {SizeShape.Format(described.Length)} of registers at {described.Address.Value}, expected 4K or a larger power of two, at a multiple of that");
        }

        if (registers.FirstOrDefault(r => first <= r.Last && last >= r.First) is { Owner: { } other })
        {
            errors.Meaning(described.Address.Mark, $"found registers at {described.Address.Value}, expected others; {other} has some of them");
        }

        registers.Add((first, last, $"{owner} in line {described.Name.Mark.Line}"));
    }
}
