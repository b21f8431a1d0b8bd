namespace Makatea.Systems;

/// <summary>A place in a file; line and column count from 1.</summary>
internal readonly record struct SourceMark(int Line, int Column);

/// <summary>A value and where it was written, for the checks that come after reading.</summary>
internal readonly record struct Located<T>(T Value, SourceMark Mark);
