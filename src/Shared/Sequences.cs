namespace Makatea;

/// <summary>
/// The operators of LINQ that libraries of images use, as plain iterators; being nearer than <see cref="System.Linq"/>, they are found first. LINQ's own iterators have generic virtual methods, so that each
/// value type that one is made of is compiled with all others: 0.8 MB of the storage domain's image. (From .NET 10 on, UseSizeOptimizedLinq does the same.)
/// </summary>
internal static class Sequences
{
    public static IEnumerable<TResult> Select<T, TResult>(this IEnumerable<T> source, Func<T, TResult> selector)
    {
        foreach (T item in source)
        {
            yield return selector(item);
        }
    }

    public static IEnumerable<TResult> Select<T, TResult>(this IEnumerable<T> source, Func<T, int, TResult> selector)
    {
        int index = 0;
        foreach (T item in source)
        {
            yield return selector(item, index++);
        }
    }

    public static IEnumerable<TResult> SelectMany<T, TResult>(this IEnumerable<T> source, Func<T, IEnumerable<TResult>> selector)
    {
        foreach (T item in source)
        {
            foreach (TResult result in selector(item))
            {
                yield return result;
            }
        }
    }

    public static IEnumerable<T> Where<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        foreach (T item in source)
        {
            if (predicate(item))
            {
                yield return item;
            }
        }
    }

    public static IEnumerable<T> Take<T>(this IEnumerable<T> source, int count)
    {
        if (count <= 0)
        {
            yield break;
        }

        foreach (T item in source)
        {
            yield return item;
            if (--count == 0)
            {
                yield break;
            }
        }
    }

    public static IEnumerable<T> Skip<T>(this IEnumerable<T> source, int count)
    {
        foreach (T item in source)
        {
            if (count-- <= 0)
            {
                yield return item;
            }
        }
    }

    public static IEnumerable<T> Append<T>(this IEnumerable<T> source, T last)
    {
        foreach (T item in source)
        {
            yield return item;
        }

        yield return last;
    }

    public static IEnumerable<T> Prepend<T>(this IEnumerable<T> source, T first)
    {
        yield return first;
        foreach (T item in source)
        {
            yield return item;
        }
    }

    public static IEnumerable<T> Concat<T>(this IEnumerable<T> source, IEnumerable<T> second)
    {
        foreach (T item in source)
        {
            yield return item;
        }

        foreach (T item in second)
        {
            yield return item;
        }
    }

    /// <summary>What is equal stays in its order.</summary>
    public static IEnumerable<T> OrderBy<T, TKey>(this IEnumerable<T> source, Func<T, TKey> key)
    {
        var items = new List<T>(source);
        var keys = new List<(TKey Key, int Place)>(items.Count);
        foreach (T item in items)
        {
            keys.Add((key(item), keys.Count));
        }

        keys.Sort(static (a, b) => Comparer<TKey>.Default.Compare(a.Key, b.Key) is not 0 and int order ? order : a.Place - b.Place);
        foreach ((_, int place) in keys)
        {
            yield return items[place];
        }
    }

    public static bool Any<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        foreach (T item in source)
        {
            if (predicate(item))
            {
                return true;
            }
        }

        return false;
    }

    public static bool All<T>(this IEnumerable<T> source, Func<T, bool> predicate) => !source.Any(item => !predicate(item));

    public static T? FirstOrDefault<T>(this IEnumerable<T> source)
    {
        foreach (T item in source)
        {
            return item;
        }

        return default;
    }

    public static T? FirstOrDefault<T>(this IEnumerable<T> source, Func<T, bool> predicate) => source.Where(predicate).FirstOrDefault();

    public static int Sum<T>(this IEnumerable<T> source, Func<T, int> number)
    {
        int sum = 0;
        foreach (T item in source)
        {
            sum = checked(sum + number(item));
        }

        return sum;
    }

    public static long Sum<T>(this IEnumerable<T> source, Func<T, long> number)
    {
        long sum = 0;
        foreach (T item in source)
        {
            sum = checked(sum + number(item));
        }

        return sum;
    }

    public static TResult Aggregate<T, TResult>(this IEnumerable<T> source, TResult seed, Func<TResult, T, TResult> next)
    {
        foreach (T item in source)
        {
            seed = next(seed, item);
        }

        return seed;
    }

    public static T[] ToArray<T>(this IEnumerable<T> source) => new List<T>(source).ToArray();

    public static List<T> ToList<T>(this IEnumerable<T> source) => [.. source];
}
