using FsCheck;
using FsCheck.Fluent;
using Makatea.Platform;
using static Makatea.Drivers.Iommu.Tests.TableBuilder;

namespace Makatea.Drivers.Iommu.Tests;

public sealed class DmarTableTests
{
    private const ulong Base = 0xfed9_0000;

    [Fact]
    public void Units_regions_and_scopes_are_read()
    {
        DmarTable table = Parse(Dmar(
            Drhd(0xfed9_0000, false, 0, Scope(DeviceScopeKind.Endpoint, 0, 2, 0)),
            Drhd(0xfed9_1000, true, 0, Scope(DeviceScopeKind.IoApic, 0xf0, 31, 7), Scope(DeviceScopeKind.Hpet, 0, 31, 0)),
            Rmrr(0x7c00_0000, 0x7fff_ffff, Scope(DeviceScopeKind.Endpoint, 0, 2, 0)),
            Structure(2, new byte[4]), // ATSR
            Structure(3, new byte[16]), // RHSA
            Structure(0x77, [])));
        Assert.Equal(48, table.HostAddressBits);
        Assert.Equal(DmarFlags.InterruptRemapping, table.Flags);
        Assert.Equal([(0xfed9_0000ul, false), (0xfed9_1000ul, true)], table.Units.Select(u => (u.RegisterBase, u.IncludesAll)));
        DeviceScope apic = table.Units[1].Scopes[0];
        Assert.Equal((DeviceScopeKind.IoApic, 7, 0xf0), (apic.Kind, apic.EnumerationId, apic.StartBus));
        Assert.Equal([((byte)31, (byte)7)], apic.Path);
        ReservedRegion region = Assert.Single(table.ReservedRegions);
        Assert.Equal((0x7c00_0000ul, 0x7fff_fffful), (region.First, region.Last));
    }

    [Fact]
    public void Devices_are_found_by_the_way_to_them()
    {
        // Bus 0, bridge 1c.0 to bus 3; there bridge 0.0 to buses 4 to 6.
        static (byte, byte)? Bridges(PciAddress a) => (a.Bus, a.Device, a.Function) switch
        {
            (0, 0x1c, 0) => (3, 6),
            (3, 0, 0) => (4, 6),
            _ => null,
        };
        DmarTable table = Parse(Dmar(
            Drhd(0x1000, false, 0, Scope(DeviceScopeKind.Endpoint, 0, 0x1c, 0, 5, 1)),
            Drhd(0x2000, false, 0, Scope(DeviceScopeKind.Bridge, 0, 0x1c, 0, 0, 0)),
            Drhd(0x3000, false, 0, Scope(DeviceScopeKind.Endpoint, 0, 0x1d, 0, 0, 0)), // By a bridge that is not there.
            Drhd(0x4000, true, 0),
            Drhd(0x5000, true, 1)));
        ulong? Find(ushort segment, byte bus, byte device, byte function) =>
            DmarUnit.FindFor(table.Units, new(segment, bus, device, function), Bridges)?.RegisterBase;
        Assert.Equal(0x1000ul, Find(0, 3, 5, 1));
        Assert.Equal(0x2000ul, Find(0, 3, 0, 0)); // The bridge itself.
        Assert.Equal(0x2000ul, Find(0, 4, 9, 0));
        Assert.Equal(0x2000ul, Find(0, 6, 0, 0));
        Assert.Equal(0x4000ul, Find(0, 7, 0, 0));
        Assert.Equal(0x4000ul, Find(0, 3, 5, 2));
        Assert.Equal(0x4000ul, Find(0, 0, 0x1d, 0));
        Assert.Equal(0x5000ul, Find(1, 3, 5, 1));
        Assert.Null(Find(2, 3, 5, 1));
    }

    public static TheoryData<string, byte[]> Broken => new()
    {
        { "needs 12", Table("DMAR", new byte[11]) },
        { "names no remapping unit", Dmar() },
        { "names no remapping unit", Dmar(Rmrr(0, 0xfff)) },
        { "has 0 bytes where 4 to 4", Dmar(Drhd(Base), [0, 0, 0, 0]) },
        { "has 3 bytes where 4 to 4", Dmar(Drhd(Base), [0, 0, 3, 0]) },
        { "has 0 bytes where 4 to 3", Dmar(Drhd(Base), [0, 0, 16]) },
        { "has 17 bytes where 4 to 16", Dmar([0, 0, 17, 0, .. new byte[12]]) },
        { "has 65535 bytes", Dmar([0, 0, 0xff, 0xff, .. new byte[12]]) },
        { "a DRHD has 12 bytes and needs 16", Dmar(Structure(0, new byte[8])) },
        { "a RMRR has 20 bytes", Dmar(Drhd(Base), Structure(1, new byte[16])) },
        { "registers at 0x0", Dmar(Drhd(0)) },
        { "registers at 0xfed90008", Dmar(Drhd(Base + 8)) },
        { "two DRHDs have their registers", Dmar(Drhd(Base, false), Drhd(Base)) },
        { "include all other devices of segment 0", Dmar(Drhd(Base), Drhd(Base + 0x1000)) },
        { "from 0x1000 to 0xfff", Dmar(Drhd(Base), Rmrr(0x1000, 0xfff)) },
        { "from 0x800 to 0xfff", Dmar(Drhd(Base), Rmrr(0x800, 0xfff)) },
        { "from 0x0 to 0x1000", Dmar(Drhd(Base), Rmrr(0, 0x1000)) },
        { "a device scope has 6 bytes", Dmar(Drhd(Base, true, 0, [1, 6, 0, 0, 0, 0])) },
        { "a device scope has 9 bytes", Dmar(Drhd(Base, true, 0, [1, 9, 0, 0, 0, 0, 1, 1, 1])) },
        { "a device scope has 10 bytes", Dmar(Drhd(Base, true, 0, [1, 10, 0, 0, 0, 0, 1, 1])) },
        { "a device scope has 0 bytes", Dmar(Drhd(Base, true, 0, [1, 8, 0, 0, 0])) },
        { "device 32, function 0", Dmar(Drhd(Base, true, 0, Scope(DeviceScopeKind.Endpoint, 0, 32, 0))) },
        { "device 0, function 8", Dmar(Drhd(Base, true, 0, Scope(DeviceScopeKind.Endpoint, 0, 0, 8))) },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void A_table_that_contradicts_itself_is_refused(string message, byte[] table) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Parse(table)).Message, StringComparison.Ordinal);

    /// <summary>Whatever stands in a table: it is read, or refused with that one exception.</summary>
    [Fact]
    public void Any_bytes_are_read_or_refused()
    {
        byte[] sound = Dmar(Drhd(Base, true, 0, Scope(DeviceScopeKind.Bridge, 0, 1, 0, 2, 0)), Rmrr(0x1000, 0x1fff, Scope(DeviceScopeKind.Endpoint, 0, 2, 0)))[AcpiTable.HeaderLength..];
        Gen<byte[]> damaged =
            from changes in Gen.Choose(0, sound.Length - 1).SelectMany(at => Gen.Choose(0, 255).Select(value => (at, value))).ListOf(6)
            from length in Gen.Choose(0, sound.Length)
            select changes.Aggregate(sound[..length], (bytes, change) => [.. bytes.Select((b, i) => i == change.at ? (byte)change.value : b)]);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(5000), Prop.ForAll(damaged.ToArbitrary(), body =>
        {
            try
            {
                DmarTable table = Parse(Table("DMAR", body));
                Assert.NotEmpty(table.Units);
                foreach (DeviceScope scope in table.Units.SelectMany(u => u.Scopes))
                {
                    scope.Resolve(_ => (1, 1));
                }
            }
            catch (InvalidDataException)
            {
                // Refused.
            }
        }));
    }

    private static DmarTable Parse(byte[] table) => DmarTable.Parse(AcpiTable.Parse(table));
}
