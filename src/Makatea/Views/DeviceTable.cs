using System.Globalization;
using Spectre.Console;

namespace Makatea.Views;

/// <summary>PCI functions as a table.</summary>
internal static class DeviceTable
{
    /// <summary>Renders them.</summary>
    public static Table Render(IReadOnlyList<DeviceReport> devices)
    {
        Table table = new Table().RoundedBorder().BorderColor(Color.Grey)
            .AddColumn("address", c => c.NoWrap()).AddColumn("what", c => c.NoWrap()).AddColumn("id", c => c.NoWrap()).AddColumn("driver", c => c.NoWrap())
            .AddColumn("group", c => c.RightAligned()).AddColumn("protected by").AddColumn("in use");
        foreach (DeviceReport device in devices)
        {
            table.AddRow(
                device.Address, Markup.Escape(device.Name), device.Id, Markup.Escape(device.Driver ?? "-"), device.IommuGroup?.ToString(CultureInfo.InvariantCulture) ?? "-",
                device.IsProtected ? $"[green]{Markup.Escape(device.Protection)}[/]" : $"[yellow]{Markup.Escape(device.Protection)}[/]",
                Markup.Escape(string.Join(", ", device.Uses)));
        }

        return table;
    }
}
