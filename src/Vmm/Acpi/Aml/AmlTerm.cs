using System.Text;

namespace Makatea.Vmm.Acpi;

/// <summary>What has a value in AML: constants, objects, expressions ([ACPI-6.5] 20.2.3, 20.2.5).</summary>
internal readonly struct AmlTerm
{
    private readonly byte[] _bytes;

    private AmlTerm(List<byte> bytes) => _bytes = [.. bytes];

    internal IReadOnlyCollection<byte> Bytes => _bytes;

    /// <summary>The last thing that a method was called with, first is 0.</summary>
    internal static AmlTerm Argument(int number) => new([(byte)(0x68 + number)]);

    /// <summary>A variable of the method.</summary>
    internal static AmlTerm Local(int number) => new([(byte)(0x60 + number)]);

    internal static AmlTerm Path(string name)
    {
        List<byte> bytes = [];
        AmlEncoding.AppendName(bytes, name);
        return new(bytes);
    }

    internal static AmlTerm Integer(ulong value) => value switch
    {
        0 => new([0x00]),
        1 => new([0x01]),
        <= byte.MaxValue => new([0x0a, (byte)value]),
        <= ushort.MaxValue => new([0x0b, .. BitConverter.GetBytes((ushort)value)]),
        <= uint.MaxValue => new([0x0c, .. BitConverter.GetBytes((uint)value)]),
        _ => new([0x0e, .. BitConverter.GetBytes(value)]),
    };

    internal static AmlTerm String(string text) => new([0x0d, .. Encoding.ASCII.GetBytes(text), 0x00]);

    /// <summary>An identifier such as PNP0501 as a number.</summary>
    internal static AmlTerm EisaId(string id) => new([0x0c, .. BitConverter.GetBytes(AmlEncoding.EisaId(id))]);

    internal static AmlTerm Buffer(IReadOnlyCollection<byte> content)
    {
        List<byte> bytes = [0x11];
        AmlEncoding.AppendPackage(bytes, [.. Integer((ulong)content.Count).Bytes, .. content]);
        return new(bytes);
    }

    internal static AmlTerm Package(params ReadOnlySpan<AmlTerm> elements)
    {
        List<byte> content = [checked((byte)elements.Length)];
        foreach (AmlTerm element in elements)
        {
            content.AddRange(element.Bytes);
        }

        List<byte> bytes = [0x12];
        AmlEncoding.AppendPackage(bytes, content);
        return new(bytes);
    }

    /// <summary>The two bitwise and, as a value.</summary>
    internal static AmlTerm And(AmlTerm left, AmlTerm right) => new([0x7b, .. left.Bytes, .. right.Bytes, 0x00]);

    /// <summary>The two bitwise or, as a value.</summary>
    internal static AmlTerm Or(AmlTerm left, AmlTerm right) => new([0x7d, .. left.Bytes, .. right.Bytes, 0x00]);

    internal static AmlTerm AreEqual(AmlTerm left, AmlTerm right) => new([0x93, .. left.Bytes, .. right.Bytes]);

    internal static AmlTerm Not(AmlTerm term) => new([0x92, .. term.Bytes]);
}
