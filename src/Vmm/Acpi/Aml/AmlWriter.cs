namespace Makatea.Vmm.Acpi;

/// <summary>Writes AML: a list of objects and statements ([ACPI-6.5] 20.2.5).</summary>
internal sealed class AmlWriter
{
    private const byte SystemIo = 0x01;
    private const byte SerializedFlag = 1 << 3;

    // Access in units of 32 bits, no lock, other bits of the unit keep what they have.
    private const byte DWordAccess = 0x03;

    private readonly List<byte> _bytes = [];

    /// <summary>What was written so far.</summary>
    internal byte[] ToArray() => [.. _bytes];

    internal void Scope(string path, Action<AmlWriter> body) => Block([0x10], path, [], body);

    internal void Device(string name, Action<AmlWriter> body) => Block([0x5b, 0x82], name, [], body);

    /// <summary>A method; no two processors are in a serialized one at once.</summary>
    internal void Method(string name, int arguments, bool isSerialized, Action<AmlWriter> body) =>
        Block([0x14], name, [(byte)(arguments | (isSerialized ? SerializedFlag : 0))], body);

    internal void Name(string name, AmlTerm value)
    {
        _bytes.Add(0x08);
        AmlEncoding.AppendName(_bytes, name);
        _bytes.AddRange(value.Bytes);
    }

    /// <summary>A range of I/O ports, as 32-bit fields with these names.</summary>
    internal void Ports(string name, ushort first, params ReadOnlySpan<string> fields)
    {
        const int Width = 32;
        _bytes.AddRange([0x5b, 0x80]);
        AmlEncoding.AppendName(_bytes, name);
        _bytes.Add(SystemIo);
        _bytes.AddRange(AmlTerm.Integer(first).Bytes);
        _bytes.AddRange(AmlTerm.Integer((ulong)fields.Length * Width / 8).Bytes);

        List<byte> content = [];
        AmlEncoding.AppendName(content, name);
        content.Add(DWordAccess);
        foreach (string field in fields)
        {
            AmlEncoding.AppendName(content, field);
            AmlEncoding.AppendFieldLength(content, Width);
        }

        _bytes.AddRange([0x5b, 0x81]);
        AmlEncoding.AppendPackage(_bytes, content);
    }

    /// <summary>Names 32 bits of a buffer.</summary>
    internal void CreateDWordField(AmlTerm buffer, int offset, string name)
    {
        _bytes.Add(0x8a);
        _bytes.AddRange(buffer.Bytes);
        _bytes.AddRange(AmlTerm.Integer((ulong)offset).Bytes);
        AmlEncoding.AppendName(_bytes, name);
    }

    internal void Store(AmlTerm value, AmlTerm target)
    {
        _bytes.Add(0x70);
        _bytes.AddRange(value.Bytes);
        _bytes.AddRange(target.Bytes);
    }

    internal void If(AmlTerm condition, Action<AmlWriter> body) => Block([0xa0], null, condition.Bytes, body);

    internal void Notify(string device, ulong value)
    {
        _bytes.Add(0x86);
        AmlEncoding.AppendName(_bytes, device);
        _bytes.AddRange(AmlTerm.Integer(value).Bytes);
    }

    internal void Call(string method) => AmlEncoding.AppendName(_bytes, method);

    internal void Return(AmlTerm value)
    {
        _bytes.Add(0xa4);
        _bytes.AddRange(value.Bytes);
    }

    private void Block(ReadOnlySpan<byte> opcode, string? name, IReadOnlyCollection<byte> operands, Action<AmlWriter> body)
    {
        AmlWriter inner = new();
        if (name is not null)
        {
            AmlEncoding.AppendName(inner._bytes, name);
        }

        inner._bytes.AddRange(operands);
        body(inner);
        _bytes.AddRange(opcode);
        AmlEncoding.AppendPackage(_bytes, inner._bytes);
    }
}
