// The types that the compiler itself knows. Their members are those that are used here.
#pragma warning disable CA1711, CA1720, IDE0130

namespace System
{
    public class Object
    {
#pragma warning disable CS0169, CS0649 // Its type, which compiled code looks at.
        private nint _type;
#pragma warning restore CS0169, CS0649
    }

    public abstract class ValueType;

    public abstract class Enum : ValueType;

    public struct Void;

    public struct Boolean;

    public struct Char;

    public struct SByte;

    public struct Byte;

    public struct Int16;

    public struct UInt16
    {
        public const ushort MaxValue = 0xffff;
    }

    public struct Int32;

    public struct UInt32
    {
        public const uint MaxValue = 0xffff_ffff;
    }

    public struct Int64
    {
        public const long MinValue = 1L << 63;
    }

    public struct UInt64
    {
        public const ulong MaxValue = 0xffff_ffff_ffff_ffff;
    }

    public struct IntPtr;

    public struct UIntPtr;

    public struct Single;

    public struct Double;

    public struct RuntimeTypeHandle;

    public struct RuntimeMethodHandle;

    public struct RuntimeFieldHandle;

    public abstract class Delegate;

    public abstract class MulticastDelegate : Delegate;

    public abstract class Array
    {
#pragma warning disable CS0649
        private readonly int _length;
#pragma warning restore CS0649

        public int Length => _length;
    }

    internal class Array<T> : Array;

    public sealed class String
    {
#pragma warning disable CS0649 // The compiler lays literals out so: length, then UTF-16.
        private readonly int _length;
        private char _first;
#pragma warning restore CS0649

        public int Length => _length;

        public unsafe char this[int index]
        {
            get
            {
                fixed (char* characters = &_first)
                {
                    return characters[index];
                }
            }
        }
    }

    public abstract class Attribute;

    public enum AttributeTargets
    {
        All = 0x7fff,
    }

    public sealed class AttributeUsageAttribute(AttributeTargets targets) : Attribute
    {
        public AttributeTargets ValidOn => targets;

        public bool AllowMultiple { get; set; }

        public bool Inherited { get; set; }
    }

    public sealed class ParamArrayAttribute : Attribute;

    public sealed class FlagsAttribute : Attribute;
}
