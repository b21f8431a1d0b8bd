using System.Runtime.InteropServices;

namespace Makatea.Platform;

/// <summary>The end of one request.</summary>
/// <param name="Tag">The request's tag.</param>
/// <param name="Status">How it ended.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct BlockCompletion(int Tag, BlockStatus Status);
