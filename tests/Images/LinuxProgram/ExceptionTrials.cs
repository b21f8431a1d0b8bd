using System.Runtime.CompilerServices;

namespace Makatea.LinuxProgram;

/// <summary>Exceptions, those of the processor included.</summary>
internal static class ExceptionTrials
{
    private const int Depth = 3000;

    private static readonly int[]? _nothing = NotThere();
    private static int _zero;

    public static string? Managed()
    {
        bool ran = false;
        try
        {
            try
            {
                throw new InvalidOperationException("thrown");
            }
            finally
            {
                ran = true;
            }
        }
        catch (InvalidOperationException exception) when (exception.Message == "thrown")
        {
            return ran ? null : "the finally did not run";
        }
    }

    public static string? Deep()
    {
        int unwound = 0;
        try
        {
            Descend(Depth, ref unwound);
        }
        catch (FormatException)
        {
            return unwound == Depth ? null : $"{unwound} frames were left";
        }

        return "nothing was thrown";
    }

    public static string? NullReference()
    {
        int caught = 0;
        for (int i = 0; i < 1000; i++)
        {
            try
            {
                _zero = _nothing!.Length;
            }
            catch (NullReferenceException)
            {
                caught++;
            }
        }

        return caught == 1000 ? null : $"caught {caught} times";
    }

    public static string? DivideByZero()
    {
        int caught = 0;
        for (int i = 0; i < 1000; i++)
        {
            try
            {
                _zero = i / _zero;
            }
            catch (DivideByZeroException)
            {
                caught++;
            }
        }

        return caught == 1000 ? null : $"caught {caught} times";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Descend(int depth, ref int unwound)
    {
        try
        {
            if (depth == 0)
            {
                throw new FormatException();
            }

            Descend(depth - 1, ref unwound);
        }
        finally
        {
            unwound += depth > 0 ? 1 : 0;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int[]? NotThere() => null;
}
