// Attributes by which code speaks to the compiler.
#pragma warning disable IDE0130

namespace System.Reflection
{
    public sealed class DefaultMemberAttribute(string name) : Attribute
    {
        public string MemberName => name;
    }
}

namespace System.Runtime
{
    /// <summary>Gives a method a name for the linker.</summary>
    internal sealed class RuntimeExportAttribute(string name) : Attribute
    {
        public string Name => name;
    }

    /// <summary>A method that the linker finds, such as one in assembly.</summary>
    internal sealed class RuntimeImportAttribute(string library, string name) : Attribute
    {
        public string Library => library;

        public string Name => name;
    }
}

namespace System.Runtime.CompilerServices
{
    public enum MethodImplOptions
    {
        NoInlining = 8,
        AggressiveInlining = 0x100,
        InternalCall = 0x1000,
    }

    public sealed class MethodImplAttribute(MethodImplOptions options) : Attribute
    {
        public MethodImplOptions Value => options;
    }

    public sealed class ExtensionAttribute : Attribute;

    public sealed class IsReadOnlyAttribute : Attribute;

    public sealed class IsByRefLikeAttribute : Attribute;

    public sealed class UnsafeValueTypeAttribute : Attribute;

    public sealed class FixedBufferAttribute(string elementType, int length) : Attribute
    {
        public string ElementType => elementType;

        public int Length => length;
    }

    public static class RuntimeFeature
    {
        public const string ByRefFields = nameof(ByRefFields);
        public const string UnmanagedSignatureCallingConvention = nameof(UnmanagedSignatureCallingConvention);
    }

    public static class RuntimeHelpers
    {
        public static unsafe int OffsetToStringData => sizeof(nint) + sizeof(int);
    }

    public static class IsVolatile;
}

namespace System.Runtime.InteropServices
{
    public sealed class InAttribute : Attribute;

    public enum LayoutKind
    {
        Sequential = 0,
        Explicit = 2,
        Auto = 3,
    }

    public sealed class StructLayoutAttribute(LayoutKind kind) : Attribute
    {
        public LayoutKind Value => kind;

        public int Size;

        public int Pack;
    }

    public sealed class FieldOffsetAttribute(int offset) : Attribute
    {
        public int Value => offset;
    }

    public sealed class UnmanagedCallersOnlyAttribute : Attribute
    {
        public string EntryPoint;
    }
}
