#pragma warning disable IDE0130 // In the place of what the freestanding core library has.

namespace System.Runtime;

/// <summary>On the bare kernel: a name for the linker.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RuntimeExportAttribute(string name) : Attribute
{
    public string Name => name;
}
