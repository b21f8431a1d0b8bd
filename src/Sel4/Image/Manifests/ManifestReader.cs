using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Makatea.Sel4.Image.Manifests;

/// <summary>Reads manifests. Whatever they say of themselves is checked against their length before it is used.</summary>
internal readonly ref struct ManifestReader(ReadOnlySpan<byte> bytes)
{
    private static readonly UTF8Encoding _utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Reads all of it.</summary>
    /// <exception cref="ImageException">It is none, of another version, or broken.</exception>
    public Manifest Read()
    {
        Require(_bytes.Length >= Unsafe.SizeOf<ManifestHeader>(), "it is shorter than its header");
        ManifestHeader header = MemoryMarshal.Read<ManifestHeader>(_bytes);
        Require(header.Magic == ManifestLayout.Magic, "it does not begin like one");
        Require(header.Version == ManifestLayout.Version, $"it has version {header.Version}, known is {ManifestLayout.Version}");
        Require(header.Length == (ulong)_bytes.Length, $"it says that it has {header.Length} bytes and has {_bytes.Length}");
        ManifestGrant[] grants = Table<ManifestGrant>(header.Grants);
        var components = new List<Component>();
        ulong nextGrant = 0;
        foreach (ManifestComponent component in Table<ManifestComponent>(header.Components))
        {
            Require(component.FirstGrant == nextGrant && component.GrantCount <= (ulong)grants.Length - nextGrant, "grants are not those of its components in a row");
            components.Add(Read(component, grants.AsSpan((int)nextGrant, (int)component.GrantCount)));
            nextGrant += component.GrantCount;
        }

        Require(nextGrant == (ulong)grants.Length, "it has grants of no component");
        var regions = new List<Region>();
        foreach (ManifestRegion region in Table<ManifestRegion>(header.Regions))
        {
            regions.Add(new(Text(region.Name), region.Length));
        }

        var doorbells = new List<string>();
        foreach (ManifestDoorbell doorbell in Table<ManifestDoorbell>(header.Doorbells))
        {
            doorbells.Add(Text(doorbell.Name));
        }

        var functions = new List<Function>();
        foreach (ManifestFunction function in Table<ManifestFunction>(header.Functions))
        {
            Require(function.Address <= ushort.MaxValue && function.Identity <= uint.MaxValue && function.AllowUnprotected <= 1, "a function of it is none");
            functions.Add(new(Text(function.Name), (ushort)function.Address, (uint)function.Identity, Number(function.Vectors), function.AllowUnprotected == 1));
        }

        return new Manifest { Components = components, Regions = regions, Doorbells = doorbells, Functions = functions };
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ImageException($"the manifest cannot be used: {otherwise}");
        }
    }

    private static int Number(ulong value)
    {
        Require(value <= int.MaxValue, $"found the number {value}, allowed is at most {int.MaxValue}");
        return (int)value;
    }

    private Component Read(ManifestComponent component, ReadOnlySpan<ManifestGrant> grants)
    {
        var given = new List<Grant>();
        foreach (ManifestGrant grant in grants)
        {
            given.Add(new(grant.Kind, grant.Number, Text(grant.Name)) { Length = grant.Length, Rights = grant.Rights, Connection = grant.Connection });
        }

        string layer = Text(component.Layer);
        return new Component
        {
            Name = Text(component.Name),
            Program = Text(component.Program),
            Layer = layer.Length == 0 ? null : layer,
            Arguments = List(component.Arguments),
            Environment = List(component.Environment),
            Memory = component.Memory,
            Threads = Number(component.Threads),
            Waiters = Number(component.Waiters),
            Priority = Number(component.Priority),
            Budget = Number(component.Budget),
            Period = Number(component.Period),
            Flags = component.Flags,
            Grants = given,
        };
    }

    private T[] Table<T>(ManifestSpan span)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        Require(span.Offset % 8 == 0 && span.Offset <= (ulong)_bytes.Length && span.Length <= ((ulong)_bytes.Length - span.Offset) / (ulong)size, "a table is outside of it");
        return MemoryMarshal.Cast<byte, T>(_bytes.Slice((int)span.Offset, (int)span.Length * size)).ToArray();
    }

    private string Text(ManifestSpan span)
    {
        Require(span.Offset <= (ulong)_bytes.Length && span.Length <= (ulong)_bytes.Length - span.Offset, "a text is outside of it");
        try
        {
            return _utf8.GetString(_bytes.Slice((int)span.Offset, (int)span.Length));
        }
        catch (DecoderFallbackException)
        {
            throw new ImageException("the manifest cannot be used: a text is no UTF-8");
        }
    }

    private string[] List(ManifestSpan span)
    {
        string text = Text(span);
        Require(text.Length == 0 || text[^1] == '\0', "a list of texts does not end with a zero");
        return text.Length == 0 ? [] : text[..^1].Split('\0');
    }
}
