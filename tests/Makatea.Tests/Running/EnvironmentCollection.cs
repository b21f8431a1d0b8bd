namespace Makatea.Tests.Running;

/// <summary>Tests that say by the environment, which is the whole process's, where systems keep their state: one class at a time.</summary>
[CollectionDefinition(Name)]
public sealed class EnvironmentCollection
{
    public const string Name = "environment";
}
