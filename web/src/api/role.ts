// Who looks, and what he may do. The API decides; the page only does not offer what it would refuse.
import { createContext, useContext } from 'react';
import type { Role } from './client';

export interface Who {
  role: Role;
  open: boolean; // no users are made: whoever is on this machine is admin
  user: string;
}

const order: readonly Role[] = ['viewer', 'operator', 'admin'];

export const RoleContext = createContext<Who>({ role: 'viewer', open: false, user: '' });

export function useWho(): Who {
  return useContext(RoleContext);
}

export function useMay(role: Role): boolean {
  return may(useWho().role, role);
}

export function may(mine: Role, needed: Role): boolean {
  return order.indexOf(mine) >= order.indexOf(needed);
}
