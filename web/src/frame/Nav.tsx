import logo from "../icon.svg";
import { pages } from "../pages";
import { address } from "../router";
import { Icon } from "../ui";

export function Nav({ current }: { current: string }) {
  return (
    <nav class="nav" aria-label="Pages">
      <img class="logo" src={logo} width="32" height="32" alt="Starling" />
      <ul>
        {pages.map(({ name, title, icon, badge, badgeWord }) => (
          <li key={name}>
            <a href={address(name)} aria-current={name === current ? "page" : undefined}>
              <span class="nav-icon">
                <Icon name={icon} size={22} />
                {badge && badge.value > 0 && <span class="badge figures">{badge.value}</span>}
              </span>
              <span>{title}</span>
              {badge && badge.value > 0 && <span class="unseen">({badgeWord})</span>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
