using System.Globalization;
using Makatea.Imaging;
using Makatea.Systems;
using Spectre.Console;

namespace Makatea.Views;

/// <summary>What an image is made of, as tables.</summary>
internal static class ImageTable
{
    /// <summary>Programs and their sizes.</summary>
    public static Table Programs(ImageReport report)
    {
        Table table = Create("program", "what").Numbers("in the image", "code", "constants", "data", "system calls", "built in");
        foreach (ProgramReport program in report.Programs)
        {
            string size = Kilobytes((ulong)program.File);
            table.AddRow(
                Markup.Escape(Path.GetFileName(program.Name)), program.Role, program.File > SystemImage.LargeProgram ? $"[yellow]{size}[/]" : size, Kilobytes(program.Code), Kilobytes(program.Constants), Kilobytes(program.Data),
                program.SystemCalls == 0 ? "-" : Text(program.SystemCalls), program.BuildSeconds == 0 ? "-" : $"{Text(program.BuildSeconds)} s");
        }

        return table;
    }

    /// <summary>Components and what they get.</summary>
    public static Table Components(ImageReport report)
    {
        Table table = Create("component", "program").Numbers("memory", "with programs", "threads", "priority", "time", "grants").AddColumn("at boot").AddColumn("on failure");
        foreach (ComponentReport component in report.Components)
        {
            table.AddRow(
                Markup.Escape(component.Name), Markup.Escape(Path.GetFileName(component.Program)), SizeShape.Format(component.Memory), Kilobytes(component.Total), Text(component.Threads), Text(component.Priority),
                $"{Text(component.Budget)} of {Text(component.Period)} us", Text(component.Grants), component.Starts ? "started" : "-", component.Restarts ? "started again" : "-");
        }

        return table;
    }

    private static Table Create(params string[] columns)
    {
        Table table = new Table().RoundedBorder().BorderColor(Color.Grey);
        columns.ToList().ForEach(c => table.AddColumn(c, x => x.NoWrap()));
        return table;
    }

    private static Table Numbers(this Table table, params string[] columns)
    {
        columns.ToList().ForEach(c => table.AddColumn(c, x => x.RightAligned().NoWrap()));
        return table;
    }

    private static string Kilobytes(ulong bytes) => $"{((bytes + 1023) / 1024).ToString("N0", CultureInfo.InvariantCulture)} KiB";

    private static string Text<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);
}
