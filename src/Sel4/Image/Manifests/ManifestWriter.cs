using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Makatea.Sel4.Image.Manifests;

/// <summary>Writes manifests: the header, the tables, then the texts.</summary>
internal sealed class ManifestWriter
{
    private readonly MemoryStream _texts = new();
    private readonly int _textsOffset;

    private ManifestWriter(int textsOffset) => _textsOffset = textsOffset;

    /// <summary>The file of a manifest that was checked.</summary>
    public static byte[] Write(Manifest manifest)
    {
        Grant[] grants = [.. manifest.Components.SelectMany(c => c.Grants)];
        int components = Unsafe.SizeOf<ManifestHeader>();
        int regions = components + (manifest.Components.Count * Unsafe.SizeOf<ManifestComponent>());
        int doorbells = regions + (manifest.Regions.Count * Unsafe.SizeOf<ManifestRegion>());
        int functions = doorbells + (manifest.Doorbells.Count * Unsafe.SizeOf<ManifestDoorbell>());
        int grantsAt = functions + (manifest.Functions.Count * Unsafe.SizeOf<ManifestFunction>());
        int texts = grantsAt + (grants.Length * Unsafe.SizeOf<ManifestGrant>());

        var writer = new ManifestWriter(texts);
        byte[] tables = new byte[texts];
        Fill(tables, components, writer.Components(manifest.Components));
        Fill(tables, regions, manifest.Regions.Select(r => new ManifestRegion { Name = writer.Text(r.Name), Length = r.Length }));
        Fill(tables, doorbells, manifest.Doorbells.Select(d => new ManifestDoorbell { Name = writer.Text(d) }));
        Fill(tables, functions, manifest.Functions.Select(writer.Function));
        Fill(tables, grantsAt, grants.Select(writer.Grant));

        long length = texts + writer._texts.Length;
        Fill(tables, 0, [new ManifestHeader
        {
            Magic = ManifestLayout.Magic,
            Version = ManifestLayout.Version,
            Length = (ulong)length,
            Components = Span(components, manifest.Components.Count),
            Regions = Span(regions, manifest.Regions.Count),
            Doorbells = Span(doorbells, manifest.Doorbells.Count),
            Functions = Span(functions, manifest.Functions.Count),
            Grants = Span(grantsAt, grants.Length),
        }]);
        return [.. tables, .. writer._texts.ToArray()];
    }

    private static ManifestSpan Span(int offset, int length) => new() { Offset = (ulong)offset, Length = (ulong)length };

    private static void Fill<T>(byte[] file, int offset, IEnumerable<T> entries)
        where T : unmanaged
    {
        foreach (T entry in entries)
        {
            MemoryMarshal.Write(file.AsSpan(offset), entry);
            offset += Unsafe.SizeOf<T>();
        }
    }

    private IEnumerable<ManifestComponent> Components(IEnumerable<Component> components)
    {
        int firstGrant = 0;
        foreach (Component component in components)
        {
            yield return new ManifestComponent
            {
                Name = Text(component.Name),
                Program = Text(component.Program),
                Layer = Text(component.Layer ?? ""),
                Arguments = Text(string.Concat(component.Arguments.Select(a => a + "\0"))),
                Environment = Text(string.Concat(component.Environment.Select(e => e + "\0"))),
                Memory = component.Memory,
                Threads = (ulong)component.Threads,
                Waiters = (ulong)component.Waiters,
                Priority = (ulong)component.Priority,
                Budget = (ulong)component.Budget,
                Period = (ulong)component.Period,
                Flags = component.Flags,
                FirstGrant = (ulong)firstGrant,
                GrantCount = (ulong)component.Grants.Count,
            };
            firstGrant += component.Grants.Count;
        }
    }

    private ManifestFunction Function(Function function) => new()
    {
        Name = Text(function.Name),
        Address = function.Address,
        Identity = function.Identity,
        Vectors = (ulong)function.Vectors,
        AllowUnprotected = function.AllowUnprotected ? 1ul : 0,
    };

    private ManifestGrant Grant(Grant grant) => new()
    {
        Kind = grant.Kind,
        Number = grant.Number,
        Name = Text(grant.Name),
        Length = grant.Length,
        Rights = grant.Rights,
        Connection = grant.Connection,
    };

    private ManifestSpan Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var span = new ManifestSpan { Offset = (ulong)(_textsOffset + _texts.Length), Length = (ulong)bytes.Length };
        _texts.Write(bytes);
        return span;
    }
}
