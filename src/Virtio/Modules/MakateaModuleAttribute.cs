using System.Diagnostics.CodeAnalysis;

namespace Makatea.Virtio;

/// <summary>Names a module of the assembly. A component loads the modules of every assembly that it was given.</summary>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
public sealed class MakateaModuleAttribute(
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] Type module) : Attribute
{
    /// <summary>A class that implements <see cref="IMakateaModule"/> and has a constructor without parameters.</summary>
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)]
    public Type Module { get; } = module;
}
