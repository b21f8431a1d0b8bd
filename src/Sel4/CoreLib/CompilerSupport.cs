// What compiled code calls by name. A freestanding program allocates nothing on a managed heap and throws nothing: what would need either does not link.
#pragma warning disable IDE0130

using System.Runtime;

namespace Internal.Runtime.CompilerHelpers
{
    internal static class ThrowHelpers
    {
        private static void ThrowInvalidProgramException(int id) => Stop();

        private static void ThrowIndexOutOfRangeException() => Stop();

        private static void ThrowOverflowException() => Stop();

        private static void ThrowDivideByZeroException() => Stop();

        private static void ThrowNullReferenceException() => Stop();

        /// <summary>A fault, which who started the program hears of with the place.</summary>
        [RuntimeImport("*", "Stop")]
        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.InternalCall)]
        private static extern void Stop();
    }

    internal static class StartupCodeHelpers
    {
        [RuntimeExport("RhpReversePInvoke")]
        private static void ReverseEnter(nint frame)
        {
        }

        [RuntimeExport("RhpReversePInvokeReturn")]
        private static void ReverseLeave(nint frame)
        {
        }

        [RuntimeExport("RhpPInvoke")]
        private static void Enter(nint frame)
        {
        }

        [RuntimeExport("RhpPInvokeReturn")]
        private static void Leave(nint frame)
        {
        }
    }
}

namespace System
{
    /// <summary>What copying and clearing of large structs becomes.</summary>
    internal static unsafe class SpanHelpers
    {
        [RuntimeExport("RhSpanHelpers_MemZero")]
        private static void Clear(byte* target, nuint length)
        {
            for (nuint i = 0; i < length; i++)
            {
                target[i] = 0;
            }
        }

        [RuntimeExport("RhSpanHelpers_MemCopy")]
        private static void Copy(byte* target, byte* source, nuint length)
        {
            for (nuint i = 0; i < length; i++)
            {
                target[i] = source[i];
            }
        }
    }
}
