using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Makatea.Systems;

/// <summary>
/// What a value of a system file looks like. The file is read by its shape and the JSON schema is written from it, so the two say the same.
/// </summary>
internal abstract class Shape<T>
{
    /// <summary>Its JSON schema (draft 2020-12). A new object each time.</summary>
    /// <param name="definitions">Receives the schemas of shapes that have a name; they are referred to.</param>
    public abstract JsonObject ToSchema(JsonObject definitions);

    /// <summary>
    /// Reads a value, reporting all that is wrong with it. Reads as much as makes sense, so that later checks can find more errors:
    /// whether the file is right shows in <paramref name="errors"/>.
    /// </summary>
    /// <param name="value">What was written.</param>
    /// <param name="what">How errors call it, such as <c>memory</c>.</param>
    /// <param name="errors">Receives the errors.</param>
    /// <param name="result">What could be read.</param>
    /// <returns>False where nothing could be read.</returns>
    public abstract bool TryRead(YamlValue value, string what, SystemFileErrors errors, [MaybeNullWhen(false)] out T result);

    /// <summary>The same, with the place where it was written.</summary>
    public Shape<Located<T>> Located() => new LocatedShape<T>(this);
}

/// <summary>Adds the place.</summary>
internal sealed class LocatedShape<T>(Shape<T> inner) : Shape<Located<T>>
{
    public override JsonObject ToSchema(JsonObject definitions) => inner.ToSchema(definitions);

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, out Located<T> result)
    {
        bool read = inner.TryRead(value, what, errors, out T? plain);
        result = read ? new Located<T>(plain!, value.Mark) : default;
        return read;
    }
}

/// <summary>Makes something else of a value.</summary>
internal sealed class MappedShape<TFrom, T>(Shape<TFrom> inner, Func<TFrom, T> map) : Shape<T>
{
    public override JsonObject ToSchema(JsonObject definitions) => inner.ToSchema(definitions);

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, [MaybeNullWhen(false)] out T result)
    {
        bool read = inner.TryRead(value, what, errors, out TFrom? plain);
        result = read ? map(plain!) : default;
        return read;
    }
}
