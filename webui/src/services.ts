/** The objects that make up the page; App builds them, components are given them. */

import { inject, type InjectionKey, type Ref } from "vue";

import type { Composer } from "@/compose/composer";
import type { MailStore } from "@/mail/store";
import type { Panes } from "@/ui/layout";
import type { Settings } from "@/ui/settings";
import type { Toasts } from "@/ui/toasts";

export interface Services {
  mail: MailStore;
  composer: Composer;
  toasts: Toasts;
  settings: Settings;
  panes: Ref<Panes>;
  confirm: (question: string) => Promise<boolean>;
}

export const SERVICES: InjectionKey<Services> = Symbol("services");

export function useServices(): Services {
  const services = inject(SERVICES);
  if (services === undefined) throw new Error("no services were provided");
  return services;
}
