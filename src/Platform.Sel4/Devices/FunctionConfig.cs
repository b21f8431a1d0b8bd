using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>Configuration space of a granted function: the root task does each access, and keeps what the component may not choose.</summary>
internal sealed class FunctionConfig(KernelGate gate, GrantEntry function) : PciConfigSpace
{
    /// <inheritdoc/>
    public override uint Read(int offset, int width) => TryRead(offset, width, out uint value) ? value : uint.MaxValue >> (32 - (8 * width));

    /// <inheritdoc/>
    public override void Write(int offset, int width, uint value) => gate.Ask(RootRequest.WriteConfig, function.Number, (ulong)offset, (ulong)width, value);

    /// <summary>Reads.</summary>
    /// <returns>False where there is no such register.</returns>
    internal bool TryRead(int offset, int width, out uint value)
    {
        RootReply reply = gate.Ask(RootRequest.ReadConfig, function.Number, (ulong)offset, (ulong)width);
        value = (uint)reply.Word0;
        return reply.IsDone;
    }
}
