using System.Buffers.Binary;
using System.Text;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>Makes ACPI tables, sound or not.</summary>
internal static class TableBuilder
{
    internal static byte[] Table(string signature, params byte[][] body)
    {
        byte[] bytes = [.. Encoding.ASCII.GetBytes(signature), .. new byte[AcpiTable.HeaderLength - 4], .. body.SelectMany(b => b)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length);
        bytes[9] = (byte)-bytes.Sum(b => b);
        return bytes;
    }

    /// <summary>A DMAR of 48 address bits with interrupt remapping.</summary>
    internal static byte[] Dmar(params byte[][] structures) => Table("DMAR", [[47, 1, .. new byte[10]], .. structures]);

    internal static byte[] Drhd(ulong registers, bool includesAll = true, ushort segment = 0, params byte[][] scopes) =>
        Structure(0, [(byte)(includesAll ? 1 : 0), 0, .. BitConverter.GetBytes(segment), .. BitConverter.GetBytes(registers), .. scopes.SelectMany(s => s)]);

    internal static byte[] Rmrr(ulong first, ulong last, params byte[][] scopes) =>
        Structure(1, [0, 0, 0, 0, .. BitConverter.GetBytes(first), .. BitConverter.GetBytes(last), .. scopes.SelectMany(s => s)]);

    internal static byte[] Structure(ushort type, byte[] body) =>
        [.. BitConverter.GetBytes(type), .. BitConverter.GetBytes((ushort)(body.Length + 4)), .. body];

    internal static byte[] Scope(DeviceScopeKind kind, byte bus, params byte[] path) => [(byte)kind, (byte)(6 + path.Length), 0, 0, 7, bus, .. path];
}
